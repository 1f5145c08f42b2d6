"""One model thread and the micro-batches it is fed.

Requests that arrive while the thread is busy are taken together when it is free. Knows nothing of sessions or of
what a step computes.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from app.domain.catalogue import Catalogue
from app.domain.ranking import Step, StepRequest
from app.errors import Overloaded


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


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step and where its time went: waiting for the model thread, and on it, in microseconds."""

    step: Step
    queue_us: int
    step_us: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    predictor: Predictor
    request: StepRequest
    answer: asyncio.Future[TimedStep]
    since: float


class Engine:
    """Batches requests for one thread that owns the model. Use it as an async context manager."""

    def __init__(self, *, batch_size: int, batch_wait_us: int, queue_size: int) -> None:
        self._batch_size = batch_size
        self._batch_wait_s = batch_wait_us / 1e6
        self._queue_size = queue_size
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._worker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Engine":
        self._worker = asyncio.create_task(self._work(), name="engine")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        for waiting in self._waiting:
            waiting.answer.cancel()
        self._thread.shutdown(wait=True)

    @property
    def queue_length(self) -> int:
        """Requests that wait for the model thread now."""
        return len(self._waiting)

    async def step(self, predictor: Predictor, request: StepRequest) -> TimedStep:
        """Read and rank one request in the next batch of its checkpoint.

        Raises Overloaded at once when the queue is full: an early no is better than a late answer.
        """
        if len(self._waiting) >= self._queue_size:
            raise Overloaded(
                f"{self._queue_size} requests are waiting already, which is all SEGUE_QUEUE_SIZE allows. Try again."
            )
        answer: asyncio.Future[TimedStep] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(predictor, request, answer, perf_counter()))
        self._arrived.set()
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            if self._batch_wait_s and len(self._waiting) < self._batch_size:
                await asyncio.sleep(self._batch_wait_s)
            batch = self._next_batch()
            if not batch:
                continue
            started = perf_counter()
            requests = [waiting.request for waiting in batch]
            try:
                steps = await loop.run_in_executor(self._thread, batch[0].predictor.step, requests)
            except Exception as failure:  # whatever it was belongs to the callers of this batch; the engine goes on
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(failure)
                continue
            step_us = int((perf_counter() - started) * 1e6)
            for waiting, step in zip(batch, steps, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(TimedStep(step, int((started - waiting.since) * 1e6), step_us))

    def _next_batch(self) -> list[_Waiting]:
        """Take the longest waiting requests of one checkpoint; those whose caller has left are dropped."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._batch_size:
            waiting = self._waiting[0]
            # A batch never mixes checkpoints: a swap ends the batch, and the next one is of the new checkpoint.
            if batch and waiting.predictor is not batch[0].predictor:
                break
            self._waiting.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
        if not self._waiting:
            self._arrived.clear()
        return batch
