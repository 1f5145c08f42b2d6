"""A listener's stream as server-sent events: `next`, `model` and `bye`, and comments while nothing happens.

The format is that of the HTML standard (section 9.2, "Server-sent events"). Knows nothing of when something is to be
told.
"""

import asyncio
from contextlib import AbstractContextManager

import structlog
from pydantic import TypeAdapter
from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.domain.recommendation import Recommendation
from app.serving.live_stream import Bye, LiveStream, ModelChanged, Told
from app.web.draining import ABORT
from app.web.schemas.next_tracks import NextAnswer, next_answer

EVENT_STREAM = "text/event-stream"
# Proxies commonly close what says nothing for a minute.
HEARTBEAT_S = 15.0
# A reader who takes nothing for this long is cut off: a full buffer of the connection is all that is kept for it.
SLOW_S = 30.0
# Until `bye` says otherwise: how long a reader whose connection broke waits before it comes back.
RETRY_MS = 1000
HEARTBEAT = b": still here\n\n"

_NEXT = TypeAdapter(NextAnswer)
log = structlog.get_logger(__name__)


def written(told: Told) -> bytes:
    """Write one server-sent event. A ranking that lacks something has no id: nobody should resume from it."""
    match told:
        case Recommendation():
            name, data = "next", _NEXT.dump_json(next_answer(told))
            more = "" if told.degraded else f"id: {told.recommendation_id}\n"
        case ModelChanged():
            name, more = "model", ""
            data = to_json({"checkpoint_id": told.checkpoint_id, "previous": told.previous})
        case Bye():
            name, data = "bye", to_json({"reason": told.reason, "retry_ms": told.retry_ms})
            more = "" if told.retry_ms is None else f"retry: {told.retry_ms}\n"
    # JSON has no line breaks outside of strings, and escapes those inside: one line of data is all of it.
    return f"event: {name}\n{more}data: ".encode() + data + b"\n\n"


class EventStream(Response):
    """The answer that lasts: sends what a stream tells until it says bye or the reader leaves."""

    def __init__(
        self, opening: AbstractContextManager[LiveStream], *, heartbeat_s: float = HEARTBEAT_S, slow_s: float = SLOW_S
    ) -> None:
        self.status_code = 200
        self.background = None
        # nginx would collect the events in a buffer and hand them on when it is full.
        self.init_headers({"Content-Type": f"{EVENT_STREAM}; charset=utf-8", "X-Accel-Buffering": "no"})
        self._opening = opening
        self._heartbeat_s = heartbeat_s
        self._slow_s = slow_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        leaving = asyncio.create_task(_left(receive))
        try:
            with self._opening as stream:
                leaving.add_done_callback(lambda _: stream.end(Bye("left")))
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._send(send, f"retry: {RETRY_MS}\n\n".encode())
                while not leaving.done() and not await self._told(stream, send):
                    pass
        except TimeoutError:
            log.info("slow_reader_cut_off", path=scope["path"])
            if (abort := scope["state"].get(ABORT)) is not None:
                abort()
                await asyncio.sleep(0)  # the server learns of it in the next turn of the loop
        finally:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    async def _told(self, stream: LiveStream, send: Send) -> bool:
        """Send what there is to tell, a comment when there is nothing; tell whether that was the last."""
        told = await stream.upcoming(self._heartbeat_s)
        is_last = any(isinstance(one, Bye) for one in told)
        await self._send(send, b"".join(map(written, told)) or HEARTBEAT, is_last=is_last)
        return is_last

    async def _send(self, send: Send, body: bytes, *, is_last: bool = False) -> None:
        async with asyncio.timeout(self._slow_s):
            await send({"type": "http.response.body", "body": body, "more_body": not is_last})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
