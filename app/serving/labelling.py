"""Moves labels while the service answers: the checkpoint is loaded first, then labelled, then followed.

Knows nothing of HTTP, and of how a label's file is kept whole.
"""

import asyncio

import structlog

from app.serving.reloader import Reloader
from app.stores.checkpoints import CheckpointStore
from app.stores.labels import Labels

log = structlog.get_logger(__name__)


class Labelling:
    """Points labels at checkpoints that this worker has loaded; the other workers follow by themselves."""

    def __init__(self, checkpoints: CheckpointStore, reloader: Reloader) -> None:
        self._checkpoints = checkpoints
        self._reloader = reloader

    async def point(
        self,
        label: str,
        name: str,
        *,
        traffic_percent: float | None,
        expected_version: int | None,
        force: bool,
    ) -> Labels:
        """Load the checkpoint that an id names, then point a label at it.

        Raises what `promote` raises, and CheckpointError for a checkpoint that cannot be loaded: nothing has changed.
        """
        checkpoint_id = await asyncio.to_thread(self._checkpoints.resolve, name)
        await self._reloader.prepare(checkpoint_id)
        labels = await asyncio.to_thread(
            self._checkpoints.promote,
            label,
            checkpoint_id,
            traffic_percent=traffic_percent,
            expected_version=expected_version,
            force=force,
        )
        log.info("label_moved", label=label, checkpoint_id=checkpoint_id, version=labels.version)
        await self._reloader.follow_once()
        return labels

    async def back(self, label: str, *, expected_version: int | None) -> Labels:
        """Return stable to what it was before, or take canary or shadow away; raise what `rollback` raises."""
        labels = await asyncio.to_thread(self._checkpoints.rollback, label, expected_version=expected_version)
        log.warning("label_rolled_back", label=label, checkpoint_id=labels.named(label), version=labels.version)
        await self._reloader.follow_once()
        return labels
