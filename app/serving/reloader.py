"""Keeps the labelled checkpoints loaded: follows the labels, swaps without a pause, refuses what is broken.

Knows nothing of listeners. A request holds on to the checkpoint it began with, so the old one lives until its last
request is done.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog

from app.errors import CheckpointError, NoCheckpoint, SegueError, TryLater
from app.serving.beside import beside_answers
from app.serving.rollout import Rollout, Served
from app.stores.checkpoints import CheckpointStore
from app.stores.labels import Labels

# A published folder never changes, but a disk can come back or a file be restored: hashing it again is cheap enough.
RETRY_REFUSED_S = 30.0
# What was loaded to be labelled waits so long for its label.
PREPARED_S = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A checkpoint that was promoted but must not serve, and why."""

    checkpoint_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Refused:
    refusal: Refusal
    until: float


class Reloader:
    """Follows the labels of a checkpoint store. Use it as an async context manager."""

    def __init__(
        self, checkpoints: CheckpointStore, *, interval_s: float, on_swap: Callable[[str], None] | None = None
    ) -> None:
        self._checkpoints = checkpoints
        self._interval_s = interval_s
        self.on_swap = on_swap
        self._loaded: dict[str, Served] = {}
        self._prepared: dict[str, float] = {}
        self._refused: dict[str, _Refused] = {}
        self._wanted: str | None = None
        self._unreadable = False
        self._rollout: Rollout | None = None
        self._following = asyncio.Lock()
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
    def rollout(self) -> Rollout:
        """Which checkpoint answers whom now. Raises NoCheckpoint when none could be loaded yet."""
        if self._rollout is None:
            reason = f" {self.refusal.reason}" if self.refusal else ""
            raise NoCheckpoint(
                f"No checkpoint is promoted to `stable` in the model store.{reason} "
                "Publish one with `segue train`, or promote one with `segue models promote`.",
                retry_after_s=5,
            )
        return self._rollout

    @property
    def current(self) -> Served:
        """The stable checkpoint. Raises NoCheckpoint when none could be loaded yet."""
        return self.rollout.stable

    @property
    def refusal(self) -> Refusal | None:
        """The checkpoint that is promoted to stable but refused, if the newest one is."""
        refused = None if self._wanted is None else self._refused.get(self._wanted)
        return refused.refusal if refused else None

    @property
    def sees_labels(self) -> bool:
        """Whether the model store told its labels when it was asked last; what is loaded serves without it."""
        return not self._unreadable

    async def prepare(self, checkpoint_id: str) -> None:
        """Load a checkpoint that is to be labelled; raise CheckpointError when it must not serve.

        It waits a minute for its label, so that the swap itself takes no time.
        """
        async with self._following:
            if checkpoint_id not in self._loaded:
                self._loaded[checkpoint_id] = await beside_answers(load_served, self._checkpoints, checkpoint_id)
            self._prepared[checkpoint_id] = monotonic() + PREPARED_S

    async def follow_once(self) -> None:
        """Look at the labels and swap when they name others; a broken checkpoint leaves the old one serving."""
        async with self._following:
            if (labels := await self._look()) is None:
                return
            self._wanted = labels.stable
            await self._load(labels)
            self._swap(labels)

    async def _look(self) -> Labels | None:
        """Return the labels; at a start without the store those that were seen last, and later none."""
        try:
            labels = await asyncio.to_thread(self._checkpoints.labels)
        except (SegueError, OSError) as failure:
            if not self._unreadable:
                log.warning("labels_unreadable", reason=str(failure), serving=self._rollout is not None)
            self._unreadable = True
            return None if self._rollout is not None else await self._recall()
        if self._unreadable:
            log.info("labels_readable_again", version=labels.version)
        self._unreadable = False
        return labels

    async def _recall(self) -> Labels | None:
        try:
            return await asyncio.to_thread(self._checkpoints.labels_seen)
        except (SegueError, OSError):  # nothing seen, or the same file that could not be read just now
            return None

    async def _load(self, labels: Labels) -> None:
        """Load what the labels name, and let go of what nobody names."""
        wanted = {name for name in (labels.stable, labels.named("canary"), labels.shadow) if name is not None}
        for checkpoint_id in sorted(wanted - set(self._loaded)):
            refused = self._refused.get(checkpoint_id)
            if refused is not None and monotonic() < refused.until:
                continue
            try:
                self._loaded[checkpoint_id] = await beside_answers(load_served, self._checkpoints, checkpoint_id)
            except (CheckpointError, SegueError, OSError) as failure:
                refusal = Refusal(checkpoint_id, str(failure))
                wait_s = failure.retry_after_s if isinstance(failure, TryLater) else RETRY_REFUSED_S
                self._refused[checkpoint_id] = _Refused(refusal, monotonic() + wait_s)
                log.error("checkpoint_refused", checkpoint_id=checkpoint_id, reason=str(failure))
        serving = {self._rollout.stable.predictor.checkpoint_id} if self._rollout else set()
        self._prepared = {name: until for name, until in self._prepared.items() if monotonic() < until}
        kept = wanted | serving | set(self._prepared)
        self._loaded = {name: served for name, served in self._loaded.items() if name in kept}
        self._refused = {name: refused for name, refused in self._refused.items() if name in wanted - set(self._loaded)}

    def _swap(self, labels: Labels) -> None:
        """Have the loaded checkpoints answer as the labels say. Without stable nothing changes."""
        stable = self._loaded.get(labels.stable or "")
        if stable is None:
            if self._rollout is None:
                return
            stable = self._rollout.stable
        canary = self._loaded.get(labels.named("canary") or "")
        share = labels.canary.traffic_percent if labels.canary and canary else 0.0
        rollout = Rollout(stable, canary, share, self._loaded.get(labels.shadow or ""))
        if rollout == self._rollout:
            return
        self._rollout = rollout
        checkpoint_id = stable.predictor.checkpoint_id
        log.info(
            "checkpoint_swapped_in",
            checkpoint_id=checkpoint_id,
            tracks=len(stable.predictor.catalogue),
            canary=labels.named("canary") if canary else None,
            traffic_percent=share,
            shadow=labels.shadow if rollout.shadow else None,
        )
        if self.on_swap is not None:
            self.on_swap(checkpoint_id)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.follow_once()


def load_served(checkpoints: CheckpointStore, name: str) -> Served:
    """Load the checkpoint of that id or label, verified and warm. Raises CheckpointError when it must not serve."""
    predictor = checkpoints.load(name)
    predictor.catalogue.warm_up()
    return Served(predictor, checkpoints.search(predictor.checkpoint_id))
