"""A training run as server-sent events: `progress` at every change, `end` when it is over, comments while nothing does.

The id of an event is the run's version: whoever comes back with the newest one is told nothing until it changes. Knows
nothing of how a run changes.
"""

import asyncio
from collections.abc import AsyncIterator

import structlog
from pydantic import TypeAdapter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.domain.training_runs import TrainingRun
from app.errors import SegueError
from app.web.draining import is_draining
from app.web.schemas.training_runs import TrainingRunAnswer, training_run_answer
from app.web.streaming import EVENT_STREAM, HEARTBEAT, HEARTBEAT_S, RETRY_MS, SLOW_S
from app.web.training_doors import Training

# How soon a stream notices that its server is told to end.
LOOK_S = 1.0

_RUN = TypeAdapter(TrainingRunAnswer)
log = structlog.get_logger(__name__)


def written(run: TrainingRun) -> bytes:
    """Write a run as one server-sent event."""
    name = "end" if run.state.is_over else "progress"
    return f"event: {name}\nid: {run.version}\ndata: ".encode() + _RUN.dump_json(training_run_answer(run)) + b"\n\n"


class RunStream(Response):
    """The answer that lasts as long as a run, its reader, or the server."""

    def __init__(self, training: Training, run_id: str, seen: int, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.status_code = 200
        self.background = None
        # nginx would collect the events in a buffer and hand them on when it is full.
        self.init_headers({"Content-Type": f"{EVENT_STREAM}; charset=utf-8", "X-Accel-Buffering": "no"})
        self._training = training
        self._run_id = run_id
        self._seen = seen
        self._heartbeat_s = heartbeat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        telling = asyncio.create_task(self._tell(scope, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
        except TimeoutError:
            log.info("slow_reader_cut_off", path=scope["path"])
        finally:
            telling.cancel()
            leaving.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, scope: Scope, send: Send) -> None:
        await _send(send, f"retry: {RETRY_MS}\n\n".encode())
        try:
            async for told in self._events(scope):
                await _send(send, told)
        except SegueError as error:  # the Redis of the runs went away: the reader comes back after `retry`
            log.warning("run_stream_ended", run_id=self._run_id, reason=str(error))
        await _send(send, b"", is_last=True)

    async def _events(self, scope: Scope) -> AsyncIterator[bytes]:
        silent_s = 0.0
        while not is_draining(scope):
            run = await self._training.changed(self._run_id, self._seen, LOOK_S)
            silent_s = 0.0 if run is not None else silent_s + LOOK_S
            if run is not None:
                self._seen = run.version
                yield written(run)
                if run.state.is_over:
                    return
            elif silent_s >= self._heartbeat_s:
                silent_s = 0.0
                yield HEARTBEAT


async def _send(send: Send, body: bytes, *, is_last: bool = False) -> None:
    async with asyncio.timeout(SLOW_S):
        await send({"type": "http.response.body", "body": body, "more_body": not is_last})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
