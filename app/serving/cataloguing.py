"""Adds tracks to a published checkpoint while the service answers listeners.

One addition at a time, on a thread: it reads, computes and writes for seconds. Knows nothing of HTTP.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from app.domain.catalogue import Track
from app.errors import LabelConflict, LabelsChanged
from app.stores.additions import add_tracks
from app.stores.checkpoints import CheckpointStore
from app.stores.labels import Labels

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addition:
    """The new checkpoint, the one that the tracks were added to, how many it ranks, and what is promoted now."""

    checkpoint_id: str
    added_to: str
    catalogue_size: int
    labels: Labels


class Cataloguing:
    """Publishes checkpoints with more tracks."""

    def __init__(self, checkpoints: CheckpointStore) -> None:
        self._checkpoints = checkpoints
        self._one_at_a_time = asyncio.Lock()

    async def add(self, tracks: Sequence[Track], *, to: str, promote: bool) -> Addition:
        """Publish the checkpoint that `to` names (an id or a label) with more tracks; promote it to `stable` if asked.

        Promotes only if nobody changed the labels meanwhile: raises LabelConflict otherwise, as what was added to the
        checkpoint that served before would take away what serves now. Raises what `add_tracks` raises.
        """
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._add, tracks, to, promote)

    def _add(self, tracks: Sequence[Track], to: str, promoted: bool) -> Addition:
        labels = self._checkpoints.labels()
        added_to = self._checkpoints.resolve(to)
        manifest = add_tracks(self._checkpoints, added_to, tracks)
        log.info("tracks_added", checkpoint_id=manifest.checkpoint_id, added_to=added_to, tracks=len(tracks))
        if promoted:
            labels = self._promote(manifest.checkpoint_id, labels)
        size = int(manifest.network_fields["catalogue_size"])
        return Addition(manifest.checkpoint_id, added_to, size, labels)

    def _promote(self, checkpoint_id: str, seen: Labels) -> Labels:
        try:
            return self._checkpoints.promote("stable", checkpoint_id, expected_version=seen.version)
        except LabelsChanged as changed:
            # The caller named no version, and so cannot have named an old one: somebody else was first.
            raise LabelConflict(str(changed)) from changed
