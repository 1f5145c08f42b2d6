"""Micro-batches for the model, and who takes the step: the event loop itself where it is short, else a thread.

Requests gather at their beginning while others are on their way (`company.py`); those that set out together then load,
step and commit together. Knows nothing of sessions or of what a step computes.

A thread would spare the event loop the wait, but the two share one interpreter lock, which changes hands at every
operation of a step: that costs more than a short step takes (docs/decisions/serving.md).
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import Protocol

from app.domain.catalogue import Catalogue
from app.domain.ranking import Step, StepRequest
from app.errors import Overloaded
from app.serving.company import Company
from app.serving.pace import Durations


class Predictor(Protocol):
    """What the engine needs of a loaded checkpoint."""

    @property
    def checkpoint_id(self) -> str:
        """The checkpoint whose weights these are."""

    @property
    def catalogue(self) -> Catalogue:
        """The tracks it can rank."""

    def step(self, requests: Sequence[StepRequest]) -> list[Step]:
        """Read and rank a batch; the answer to each request does not depend on its company."""


# Who has waited for this long for the model is no longer there, or no longer wants to know.
PATIENCE_S = 1.0
# How long the event loop may be held up. Its callers would wait for as long anyway, and far longer while two threads
# pass the interpreter lock to and fro under load.
SHORT_S = 0.05


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step and where its time went: waiting for the model, and in it, in microseconds."""

    step: Step
    queue_us: int
    step_us: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    predictor: Predictor
    request: StepRequest
    answer: asyncio.Future[TimedStep]
    since: float

    def is_too_late(self, now: float, patience_s: float) -> bool:
        """Tell whether nobody wants the answer any more. Who only reads has no ranking to want in time.

        Its events were sent to be kept; refused, they would come again and cost twice.
        """
        return self.request.limit > 0 and now - self.since > patience_s


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the thread is given, and the event loop it is to answer."""

    loop: asyncio.AbstractEventLoop
    waiting: Sequence[_Waiting]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What came of a batch: steps, or why there are none; when it began and ended, and what it cost, in seconds.

    What a step of the thread would take in the event loop is its processor time: it waits for the interpreter lock too.
    """

    batch: Sequence[_Waiting]
    steps: list[Step] | Exception
    began: float
    ended: float
    cost_s: float


class Engine:
    """Batches requests for the model. Use it as an async context manager.

    Who gathers waits `batch_wait_us` at most for those before. A request that would be the `queue_size`-th to wait, or
    has waited for a ranking for `patience_s`, is refused. The event loop takes steps of `short_s` or less itself.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        batch_wait_us: int,
        queue_size: int,
        patience_s: float = PATIENCE_S,
        short_s: float = SHORT_S,
    ) -> None:
        self._batch_size = batch_size
        self._queue_size = queue_size
        self._patience_s = patience_s
        self._durations = Durations(short_s)
        self._company = Company(batch_size, batch_wait_us / 1e6)
        self._waiting: deque[_Waiting] = deque()
        self._batches: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._at_work = False
        self._departure: asyncio.Handle | None = None

    async def __aenter__(self) -> "Engine":
        self._thread.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._departure is not None:
            self._departure.cancel()
        for waiting in self._waiting:
            waiting.answer.cancel()
        self._company.disband()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)

    @property
    def queue_length(self) -> int:
        """Requests that wait for the model thread now."""
        return len(self._waiting)

    async def gather(self) -> None:
        """Wait until the model has answered those before: who sets out together shares round trips and steps."""
        await self._company.join()

    async def step(self, predictor: Predictor, request: StepRequest) -> TimedStep:
        """Read and rank one request in the next batch of its checkpoint.

        Raises Overloaded at once when the queue is full: an early no is better than a late answer.
        """
        if len(self._waiting) >= self._queue_size:
            raise Overloaded(
                f"{self._queue_size} requests are waiting already, which is all SEGUE_QUEUE_SIZE allows. Try again."
            )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[TimedStep] = loop.create_future()
        self._waiting.append(_Waiting(predictor, request, answer, perf_counter()))
        if not self._at_work and self._departure is None:
            # After what is ready to run: those who set out together arrive together.
            self._departure = loop.call_soon(self._depart)
        return await answer

    def _depart(self) -> None:
        """Take the next batch's step or hand it to the thread, if anybody waits."""
        self._departure = None
        batch = self._next_batch(perf_counter())
        if not batch:
            self._at_work = False
        elif self._durations.are_short(batch[0].predictor, len(batch)):
            self._at_work = True
            self._hand_out(_take(batch, perf_counter))
        else:
            self._at_work = True
            self._batches.put(_Batch(asyncio.get_running_loop(), batch))

    def _next_batch(self, now: float) -> list[_Waiting]:
        """Take the longest waiting requests of one checkpoint; those whose caller has left are dropped."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._batch_size:
            waiting = self._waiting[0]
            # A batch never mixes checkpoints: a swap ends the batch, and the next one is of the new checkpoint.
            if batch and waiting.predictor is not batch[0].predictor:
                break
            self._waiting.popleft()
            if waiting.answer.done():
                continue
            if waiting.is_too_late(now, self._patience_s):
                waiting.answer.set_exception(_too_late(self._patience_s))
                continue
            batch.append(waiting)
        return batch

    def _work(self) -> None:
        """Run on the model thread: one batch after the other."""
        while (batch := self._batches.get()) is not None:
            batch.loop.call_soon_threadsafe(self._hand_out, _take(batch.waiting, thread_time))

    def _hand_out(self, taken: _Taken) -> None:
        """Answer a batch, and let the next one leave."""
        batch, steps = taken.batch, taken.steps
        self._at_work = False
        loop = asyncio.get_running_loop()
        # In the turn after the next one: in the next one those are read who came while the step held the event loop up.
        loop.call_soon(loop.call_soon, self._company.answered)
        if self._waiting:
            # After what is ready to run: the answers of this one, and whoever came meanwhile.
            self._departure = loop.call_soon(self._depart)
        if isinstance(steps, Exception):
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(steps)
            return
        self._durations.note(batch[0].predictor, len(batch), taken.cost_s)
        step_us = int((taken.ended - taken.began) * 1e6)
        for waiting, step in zip(batch, steps, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(TimedStep(step, int((taken.began - waiting.since) * 1e6), step_us))


def _take(batch: Sequence[_Waiting], clock: Callable[[], float]) -> _Taken:
    """Take a batch's step; `clock` tells what it costs."""
    began, cost_s = perf_counter(), clock()
    steps: list[Step] | Exception
    try:
        steps = batch[0].predictor.step([waiting.request for waiting in batch])
    except Exception as failure:  # whatever it was belongs to the callers of this batch; the engine goes on
        steps = failure
    return _Taken(batch, steps, began, perf_counter(), clock() - cost_s)


def _too_late(patience_s: float) -> Overloaded:
    return Overloaded(f"The request has waited for the model for more than {patience_s * 1e3:.0f} ms. Try again.")
