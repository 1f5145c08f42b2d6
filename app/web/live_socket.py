"""A listener's stream as a conversation: events in, rankings out, over one WebSocket.

Messages are taken one at a time: who sends faster than they are answered fills a buffer on the way, no memory of ours.
Knows nothing of when something is to be told.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.domain.recommendation import Recommendation
from app.errors import Conflict, Rejected, SegueError, TryLater
from app.serving.live import DRAINING, Live
from app.serving.live_stream import Bye, LiveStream, ModelChanged, Told
from app.web.body import refusal
from app.web.draining import ABORT
from app.web.live_guest import LiveGuest
from app.web.problem_table import problem_of
from app.web.schemas.live import LiveBegin, LiveEvents
from app.web.schemas.next_tracks import NextAnswer, next_answer
from app.web.streaming import SLOW_S

# A caller who opens a connection and says nothing must not hold it.
FIRST_S = 10.0
MAX_REASON_BYTES = 123  # RFC 6455, section 5.5: a control frame carries 125 bytes, two of them are the code

_NEXT = TypeAdapter(NextAnswer)
_Message = TypeVar("_Message", bound=BaseModel)
log = structlog.get_logger(__name__)


class Closing(Exception):
    """The end of a conversation; docs/api.md lists the codes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


RESTARTING = 1012
UNREADABLE, REFUSED, SILENT, FORGOTTEN, NOT_NOW = 4400, 4401, 4408, 4410, 4503


class LiveSocket:
    """One conversation from its first message to its last."""

    def __init__(self, socket: WebSocket, live: Live, guest: LiveGuest) -> None:
        self._socket = socket
        self._live = live
        self._guest = guest

    async def hold(self) -> None:
        """Talk until somebody ends it."""
        await self._socket.accept()
        try:
            first = await self._first()
            with self._live.open(first.listener_id, first.ask(), first.last_event_id) as stream:
                await self._talk(stream)
        except Closing as closing:
            with suppress(RuntimeError, WebSocketDisconnect):  # the caller closed at the same moment
                await self._socket.close(closing.code, closing.reason)
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            log.info("slow_reader_cut_off", path=self._socket.scope["path"])
            if (abort := self._socket.scope["state"].get(ABORT)) is not None:
                abort()

    async def _first(self) -> LiveBegin:
        try:
            async with asyncio.timeout(FIRST_S):
                first = _read(await self._socket.receive(), LiveBegin)
        except TimeoutError:
            raise Closing(SILENT, f"Expected a first message within {FIRST_S:g} s, got none.") from None
        try:
            self._guest.admit(first.token)
        except TryLater as error:
            raise Closing(NOT_NOW, _fitting(f"{error} Come back in {error.retry_after_s} s.")) from None
        except Rejected as error:
            raise Closing(REFUSED, _fitting(str(error))) from None
        return first

    async def _talk(self, stream: LiveStream) -> None:
        """Tell what there is to tell, and answer each message before the next is taken."""
        telling = asyncio.create_task(stream.upcoming(None))
        hearing = asyncio.create_task(self._socket.receive())
        try:
            while True:
                await asyncio.wait((telling, hearing), return_when=asyncio.FIRST_COMPLETED)
                answer = await self._answer(stream, hearing.result()) if hearing.done() else ()
                # What was looked up before the events were taken in is told before their answer.
                if telling.done():
                    await self._tell(telling.result())
                    telling = asyncio.create_task(stream.upcoming(None))
                if hearing.done():
                    await self._send(answer)
                    hearing = asyncio.create_task(self._socket.receive())
        finally:
            telling.cancel()
            hearing.cancel()
            await asyncio.gather(telling, hearing, return_exceptions=True)

    async def _answer(self, stream: LiveStream, message: Any) -> Sequence[bytes]:
        """Take in the events of a message; return what is to be sent for them."""
        events = _read(message, LiveEvents).listened(stream.listener_id)
        try:
            self._guest.admit_events()
            return [_written(one) for one in await stream.observe(events)]
        except (TryLater, Conflict, Rejected) as error:
            return [_problem(error)]

    async def _tell(self, told: Sequence[Told]) -> None:
        for one in told:
            await self._send([_written(one)])
            if isinstance(one, Bye):
                raise Closing(RESTARTING if one.reason == DRAINING else FORGOTTEN, one.reason)

    async def _send(self, texts: Sequence[bytes]) -> None:
        async with asyncio.timeout(SLOW_S):
            for text in texts:
                await self._socket.send_text(text.decode())


def _read(message: Any, model: type[_Message]) -> _Message:
    """Return what the caller said; raise Closing for what nobody understands, WebSocketDisconnect at the end."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    try:
        return model.model_validate_json(message.get("text") or message.get("bytes") or b"")
    except ValidationError as error:
        raise Closing(UNREADABLE, _fitting(str(refusal(error)))) from None


def _fitting(reason: str) -> str:
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


def _written(told: Told) -> bytes:
    match told:
        case Recommendation():
            return b'{"type":"next",' + _NEXT.dump_json(next_answer(told))[1:]
        case ModelChanged():
            return to_json({"type": "model", "checkpoint_id": told.checkpoint_id, "previous": told.previous})
        case Bye():
            return to_json({"type": "bye", "reason": told.reason, "retry_ms": told.retry_ms})


def _problem(error: SegueError) -> bytes:
    problem = problem_of(type(error))
    retry_after_s = error.retry_after_s if isinstance(error, TryLater) else 0
    told = {"code": problem.code, "title": problem.title, "detail": str(error), "retry_after_s": retry_after_s}
    return to_json({"type": "problem", **told})
