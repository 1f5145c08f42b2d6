"""Watches the canary: compares it with stable on what listeners play, and takes it away when it is really worse.

Knows nothing of how a play is judged and of how labels are kept.
"""

import asyncio

import structlog

from app.domain.online import Arm, Comparison, compare
from app.errors import LabelConflict, NoCheckpoint, SegueError
from app.serving.labelling import Labelling
from app.serving.reloader import Reloader
from app.stores.checkpoints import CheckpointStore
from app.stores.online_counts import OnlineCounts

log = structlog.get_logger(__name__)


class CanaryWatch:
    """Looks now and then, where it may take the canary away (`rolls_back`). Use it as an async context manager."""

    def __init__(
        self,
        counts: OnlineCounts,
        checkpoints: CheckpointStore,
        reloader: Reloader,
        labelling: Labelling,
        *,
        rolls_back: bool,
        interval_s: float = 5.0,
    ) -> None:
        self._counts = counts
        self._checkpoints = checkpoints
        self._reloader = reloader
        self._labelling = labelling
        self._rolls_back = rolls_back
        self._interval_s = interval_s
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "CanaryWatch":
        if self._rolls_back:
            self._watching = asyncio.create_task(self._watch(), name="canary-watch")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def arms(self, checkpoint_id: str) -> list[Arm]:
        """Return how well a checkpoint foresaw, by label and by what stood beside it."""
        return await self._counts.arms(checkpoint_id)

    async def comparison(self) -> Comparison | None:
        """Compare canary and stable since they stand beside each other; None without a canary."""
        try:
            rollout = self._reloader.rollout
        except NoCheckpoint:
            return None
        if rollout.canary is None:
            return None
        stable, canary = rollout.stable.predictor.checkpoint_id, rollout.canary.predictor.checkpoint_id
        return compare(await self._arm(stable, "stable", canary), await self._arm(canary, "canary", stable))

    async def look(self) -> bool:
        """Compare once, and take a canary away that is worse; tell whether it was."""
        labels = await asyncio.to_thread(self._checkpoints.labels)
        found = await self.comparison()
        serving = self._reloader.rollout.canary if found else None
        if found is None or found.verdict != "worse" or serving is None:
            return False
        if labels.named("canary") != serving.predictor.checkpoint_id:
            return False  # it is another by now
        try:
            await self._labelling.back("canary", expected_version=labels.version)
        except LabelConflict:
            return False  # another worker or a person was faster
        log.error(
            "canary_rolled_back",
            checkpoint_id=serving.predictor.checkpoint_id,
            difference=found.difference,
            low=found.low,
            high=found.high,
        )
        return True

    async def _arm(self, checkpoint_id: str, label: str, beside: str) -> Arm:
        arms = await self._counts.arms(checkpoint_id)
        none = Arm(checkpoint_id, label, beside, {})
        return next((arm for arm in arms if (arm.label, arm.beside) == (label, beside)), none)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.look()
            except (SegueError, OSError) as failure:
                log.warning("canary_not_compared", reason=str(failure))
