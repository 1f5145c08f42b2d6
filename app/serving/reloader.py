"""Keeps the promoted checkpoint loaded: follows the label, swaps without a pause, refuses what is broken.

Knows nothing of listeners. A request holds on to the checkpoint it began with, so the old one lives until its last
request is done.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog

from app.errors import CheckpointError, NoCheckpoint, SegueError
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.stores.track_search import TrackSearch

# A published folder never changes, but a disk can come back or a file be restored: hashing it again is cheap enough.
RETRY_REFUSED_S = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """One loaded checkpoint with all that answers from it."""

    predictor: Predictor
    search: TrackSearch


@dataclass(frozen=True, slots=True)
class Refusal:
    """A checkpoint that was promoted but must not serve, and why."""

    checkpoint_id: str
    reason: str


class Reloader:
    """Follows the `stable` label of a checkpoint store. Use it as an async context manager."""

    def __init__(
        self, checkpoints: CheckpointStore, *, interval_s: float, on_swap: Callable[[str], None] | None = None
    ) -> None:
        self._checkpoints = checkpoints
        self._interval_s = interval_s
        self.on_swap = on_swap
        self._served: Served | None = None
        self._refusal: Refusal | None = None
        self._refused_until = 0.0
        self._follower: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Reloader":
        await self.follow_once()
        self._follower = asyncio.create_task(self._follow(), name="reloader")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    @property
    def current(self) -> Served:
        """The checkpoint that answers now. Raises NoCheckpoint when none could be loaded yet."""
        if self._served is None:
            reason = f" {self._refusal.reason}" if self._refusal else ""
            raise NoCheckpoint(
                f"No checkpoint is promoted to `stable` in the model store.{reason} "
                "Publish one with `segue train`, or promote one with `segue models promote`.",
                retry_after_s=5,
            )
        return self._served

    @property
    def refusal(self) -> Refusal | None:
        """The checkpoint that is promoted but refused, if the newest one is."""
        return self._refusal

    async def follow_once(self) -> None:
        """Look at the label and swap when it names another checkpoint; a broken one leaves the old one serving."""
        try:
            wanted = await asyncio.to_thread(lambda: self._checkpoints.labels().stable)
        except (SegueError, OSError) as failure:
            log.warning("labels_unreadable", reason=str(failure))
            return
        if wanted is None or (self._served is not None and wanted == self._served.predictor.checkpoint_id):
            self._refusal = None
            return
        if self._refusal is not None and self._refusal.checkpoint_id == wanted and monotonic() < self._refused_until:
            return
        try:
            served = await asyncio.to_thread(load_served, self._checkpoints, wanted)
        except (CheckpointError, SegueError, OSError) as failure:
            self._refusal = Refusal(wanted, str(failure))
            self._refused_until = monotonic() + RETRY_REFUSED_S
            log.error("checkpoint_refused", checkpoint_id=wanted, reason=str(failure))
            return
        self._served, self._refusal = served, None
        log.info("checkpoint_swapped_in", checkpoint_id=wanted, tracks=len(served.predictor.catalogue))
        if self.on_swap is not None:
            self.on_swap(wanted)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.follow_once()


def load_served(checkpoints: CheckpointStore, name: str) -> Served:
    """Load the checkpoint of that id or label, verified and warm. Raises CheckpointError when it must not serve."""
    predictor = checkpoints.load(name)
    predictor.catalogue.warm_up()
    return Served(predictor, checkpoints.search(predictor.checkpoint_id))
