"""What the routes need of checkpoints: those that answer, those that are published, and their labels.

Knows nothing of files, and of what the other routes need (`doors.py`).
"""

from collections.abc import Sequence
from typing import Any, Protocol

from app.domain.catalogue import Catalogue, Track
from app.domain.song_map import SongMap


class LoadedCheckpoint(Protocol):
    """A checkpoint in memory."""

    @property
    def checkpoint_id(self) -> str:
        """Which one."""

    @property
    def catalogue(self) -> Catalogue:
        """The tracks it can rank."""


class Searching(Protocol):
    """Finds tracks by what a person types. May read from disk: it is called on a thread."""

    def find(self, query: str, limit: int) -> Sequence[int]:
        """Return the catalogue rows of the best matches, best first."""


class ServedCheckpoint(Protocol):
    """The checkpoint that answers now, with all that answers from it."""

    @property
    def predictor(self) -> LoadedCheckpoint:
        """The network and its catalogue."""

    @property
    def search(self) -> Searching:
        """The search over that catalogue."""


class RefusedCheckpoint(Protocol):
    """A checkpoint that was promoted but must not serve."""

    @property
    def checkpoint_id(self) -> str:
        """Which one."""

    @property
    def reason(self) -> str:
        """Why."""


class Following(Protocol):
    """Keeps the promoted checkpoint loaded and warmed."""

    @property
    def current(self) -> ServedCheckpoint:
        """The checkpoint that answers now; raises NoCheckpoint."""

    @property
    def sees_labels(self) -> bool:
        """Whether the model store could be read when it was looked at last."""

    @property
    def refusal(self) -> RefusedCheckpoint | None:
        """The promoted checkpoint that was refused, if the newest one was."""


class PublishedCheckpoint(Protocol):
    """One checkpoint as its manifest tells it."""

    @property
    def checkpoint_id(self) -> str:
        """Its id."""

    @property
    def created_at(self) -> str:
        """When it was published, RFC 3339."""

    @property
    def status(self) -> str:
        """`accepted` or `rejected`."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def network_fields(self) -> dict[str, Any]:
        """The network's configuration."""

    @property
    def training(self) -> dict[str, Any]:
        """How it was trained."""

    @property
    def data(self) -> dict[str, Any]:
        """What it was trained on."""

    @property
    def metrics(self) -> dict[str, Any]:
        """How it ranks."""

    @property
    def baselines(self) -> dict[str, dict[str, Any]]:
        """How counting ranks, on the same sessions."""


class LabelledCanary(Protocol):
    """A checkpoint that answers a share of the listeners."""

    @property
    def checkpoint_id(self) -> str:
        """Which one."""

    @property
    def traffic_percent(self) -> float:
        """How many of a hundred listeners."""


class CheckpointLabels(Protocol):
    """Which checkpoint is to serve."""

    @property
    def version(self) -> int:
        """Counts the changes."""

    @property
    def stable(self) -> str | None:
        """The id that serves."""

    @property
    def canary(self) -> LabelledCanary | None:
        """The one that serves a share of the listeners."""

    @property
    def shadow(self) -> str | None:
        """The id that computes beside the others."""


class Publishing(Protocol):
    """The checkpoint store. Reads from disk: it is called on a thread."""

    def list(self) -> Sequence[PublishedCheckpoint]:
        """Return every whole checkpoint."""

    def labels(self) -> CheckpointLabels:
        """Return what is promoted."""

    def resolve(self, name: str) -> str:
        """Return the id that an id, a part of one or a label names; raise UnknownCheckpoint."""

    def song_map(self, name: str) -> SongMap:
        """Return the places of a checkpoint's tracks; raise NoSongMap."""


class AddedTracks(Protocol):
    """What came of adding tracks."""

    @property
    def checkpoint_id(self) -> str:
        """The new checkpoint, which holds them."""

    @property
    def added_to(self) -> str:
        """The checkpoint they were added to, unchanged."""

    @property
    def catalogue_size(self) -> int:
        """How many tracks the new checkpoint ranks."""

    @property
    def labels(self) -> CheckpointLabels:
        """What is promoted now."""


class Cataloguing(Protocol):
    """Adds tracks to what is published."""

    async def add(self, tracks: Sequence[Track], *, to: str, promote: bool) -> AddedTracks:
        """Publish a checkpoint with more tracks, and promote it if asked; raise TrackExists for a known id."""


class Labelling(Protocol):
    """Moves labels."""

    async def point(
        self, label: str, name: str, *, traffic_percent: float | None, expected_version: int | None, force: bool
    ) -> CheckpointLabels:
        """Load a checkpoint and label it; raise LabelsChanged when the labels are at another version."""

    async def back(self, label: str, *, expected_version: int | None) -> CheckpointLabels:
        """Return stable to the checkpoint before, or take another label away."""
