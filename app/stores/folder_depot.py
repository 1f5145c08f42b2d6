"""A folder of checkpoints and their labels: each checkpoint appears by one rename, the labels change under a lock.

Knows nothing of networks.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from app.errors import CorruptCheckpoint, UnknownCheckpoint
from app.rnn.checkpoint_files import check_present
from app.rnn.manifest import CHECKPOINT_ID, Manifest, read_manifest
from app.stores.aside import LOCK_FILE, REMOVING, aside, sweep
from app.stores.durable_files import locked, replace_file, sync
from app.stores.labels import LABELS_FILE, Labels, check_version, kept_by, read_labels, write_fields
from app.stores.verified import check_unless_verified, forget, remember


class FolderDepot:
    """The checkpoints below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """The folder, as it was named."""
        return str(self._root)

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def ids(self) -> list[str]:
        """Return the ids of all folders that look published, newest first."""
        if not self._root.is_dir():
            return []
        with os.scandir(self._root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return sorted((name for name in names if CHECKPOINT_ID.fullmatch(name)), reverse=True)

    def has(self, checkpoint_id: str) -> bool:
        """Tell whether a checkpoint's folder is there."""
        folder = self.folder(checkpoint_id)
        return CHECKPOINT_ID.fullmatch(checkpoint_id) is not None and folder.is_dir() and not folder.is_symlink()

    def is_at_hand(self, checkpoint_id: str) -> bool:
        """Tell whether a checkpoint's folder is there: on this machine it always is."""
        return self.has(checkpoint_id)

    def manifest(self, checkpoint_id: str) -> Manifest:
        """Return the manifest of a checkpoint whose files are all there; raise CheckpointError."""
        folder = self.folder(checkpoint_id)
        manifest = read_manifest(folder)
        check_present(folder, manifest.files)
        return manifest

    def folder(self, checkpoint_id: str) -> Path:
        """Return a checkpoint's folder."""
        return self._root / checkpoint_id

    def check(self, checkpoint_id: str) -> Manifest:
        """Return the manifest of a checkpoint whose files are whole; raise CheckpointError.

        Those of a large one that were hashed on this machine and not touched since are not hashed again: a swap and a
        rollback would take as long as reading gigabytes, beside whoever listens.
        """
        folder = self.folder(checkpoint_id)
        manifest = read_manifest(folder)
        check_unless_verified(folder, manifest.files)
        return manifest

    def labels(self) -> Labels:
        """Return what is promoted."""
        try:
            return read_labels((self._root / LABELS_FILE).read_bytes())
        except FileNotFoundError:
            return Labels()
        except OSError as error:
            raise CorruptCheckpoint(f"{LABELS_FILE} cannot be read: {error.strerror}; restore it.") from error

    def labels_seen(self) -> Labels:
        """Return what is promoted: a folder is on this machine."""
        return self.labels()

    def change_labels(
        self, change: Callable[[Labels], Labels], *, expected_version: int | None, needs: str | None = None
    ) -> Labels:
        """Change the labels under the folder's lock; see `Depot.change_labels`."""
        if not self._root.is_dir():
            raise UnknownCheckpoint(
                f"Expected a checkpoint store at {self._root}, found nothing. Publish a checkpoint first."
            )
        with locked(self._root / LOCK_FILE):
            labels = self.labels()
            check_version(labels, expected_version)
            # Pruning takes the same lock, so what is there now is there when the label points at it.
            if needs is not None and not self.is_at_hand(needs):
                raise UnknownCheckpoint(f"Checkpoint {needs} was removed in the meantime. Promote another.")
            changed = replace(change(labels), version=labels.version + 1)
            replace_file(self._root / LABELS_FILE, write_fields(changed.to_dict()))
            return changed

    def writing(self) -> AbstractContextManager[Path]:
        """Make a hidden folder to write a checkpoint into."""
        return aside(self._root)

    def show(self, folder: Path, manifest: Manifest) -> bool:
        """Give the folder its name; False when the name is taken."""
        shown = self.folder(manifest.checkpoint_id)
        sync(folder)
        try:
            folder.rename(shown)
        except OSError:
            if shown.exists():
                return False
            raise
        sync(self._root)
        if manifest.index:
            remember(shown, manifest.files)
        return True

    def remove_but(self, newest: int) -> list[str]:
        """Remove old checkpoints. A server that has one of them loaded keeps its mapped files until it lets go."""
        if not self._root.is_dir():
            return []
        with locked(self._root / LOCK_FILE):
            ids = self.ids()
            kept = kept_by(self.labels(), ids, newest)
            removed = [checkpoint_id for checkpoint_id in ids if checkpoint_id not in kept]
            for checkpoint_id in removed:
                # Renamed first: a half-removed checkpoint must not be listed either.
                self.folder(checkpoint_id).rename(self._root / f"{REMOVING}{checkpoint_id}")
                forget(self.folder(checkpoint_id))
            sync(self._root)
            sweep(self._root)
        return removed
