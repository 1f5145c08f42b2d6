"""A depot: where the checkpoints of a store and their labels are kept. A folder is one, a bucket is another.

Knows nothing of networks: a checkpoint is an id, a manifest and files that hash to what it says.
"""

import builtins
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from app.rnn.manifest import Manifest
from app.stores.labels import Labels


class Depot(Protocol):
    """What a checkpoint store needs of the place it keeps things in. Any number of processes may use one at once."""

    @property
    def place(self) -> str:
        """Where it is, in the words of the settings."""

    @property
    def root(self) -> Path:
        """The folder of this machine that its checkpoints are read from."""

    def ids(self) -> builtins.list[str]:
        """Return the ids of all that look published, newest first."""

    def has(self, checkpoint_id: str) -> bool:
        """Tell whether a checkpoint of this whole id looks published, whatever else is in the depot."""

    def is_at_hand(self, checkpoint_id: str) -> bool:
        """Tell whether a checkpoint can be read without asking anybody else."""

    def manifest(self, checkpoint_id: str) -> Manifest:
        """Return the manifest of a checkpoint whose files are all there; raise CheckpointError."""

    def folder(self, checkpoint_id: str) -> Path:
        """Return a checkpoint as a folder of this machine; whoever reads it checks it."""

    def check(self, checkpoint_id: str) -> Manifest:
        """Return the manifest of a checkpoint whose files are whole; raise CheckpointError."""

    def labels(self) -> Labels:
        """Return what is promoted."""

    def labels_seen(self) -> Labels:
        """Return what was promoted when this machine last saw the labels."""

    def change_labels(
        self, change: Callable[[Labels], Labels], *, expected_version: int | None, needs: str | None = None
    ) -> Labels:
        """Change the labels as nobody else does meanwhile, counted by their version; return them.

        Raises LabelsChanged where they are at another version than expected, UnknownCheckpoint where the checkpoint
        that they are to name, `needs`, is not there any more.
        """

    def writing(self) -> AbstractContextManager[Path]:
        """Make an empty folder on this machine to write a checkpoint into; nothing is left of what was not shown."""

    def show(self, folder: Path, manifest: Manifest) -> bool:
        """Let everybody see the checkpoint that was written into a folder; False when its id is taken."""

    def remove_but(self, newest: int) -> builtins.list[str]:
        """Remove all but the newest checkpoints, the labelled and where a rollback goes; return the ids removed."""
