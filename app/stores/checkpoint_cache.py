"""Whole checkpoints of a distant store on this machine, where they are mapped from; the least used make room.

It is laid out as a folder store is, with the labels that were seen last: what served goes on serving without the store.
Knows nothing of where checkpoints come from.
"""

import os
import shutil
from collections.abc import Collection
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from app.errors import CheckpointError
from app.rnn.manifest import Manifest, read_manifest
from app.stores.aside import LOCK_FILE, REMOVING, sweep
from app.stores.durable_files import locked, replace_file, sync_tree
from app.stores.folder_depot import FolderDepot
from app.stores.labels import LABELS_FILE, Labels, write_fields
from app.stores.verified import check_unless_verified, forget

FETCHING = ".fetching"


class CheckpointCache:
    """The checkpoints below a folder, bounded in bytes. Any number of processes may use it at once."""

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self._folders = FolderDepot(root)
        self._limit_bytes = limit_bytes

    @property
    def root(self) -> Path:
        """The folder."""
        return self._folders.root

    def is_at_hand(self, checkpoint_id: str) -> bool:
        """Tell whether a checkpoint is here, whole or damaged."""
        return self._folders.is_at_hand(checkpoint_id)

    def found(self, checkpoint_id: str) -> Path | None:
        """Return the folder of a checkpoint that is here and whole, and note that it is used; drop a damaged one."""
        if not self.is_at_hand(checkpoint_id):
            return None
        folder = self._folders.folder(checkpoint_id)
        try:
            check_unless_verified(folder, read_manifest(folder).files)
        except CheckpointError:
            self._remove([checkpoint_id])
            return None
        with suppress(OSError):  # read-only, or gone just now: only the order of use is lost
            os.utime(folder)
        return folder

    def fetching(self, checkpoint_id: str) -> AbstractContextManager[None]:
        """Hold the right to fetch a checkpoint; others who want the same one wait and find it."""
        place = self.root / FETCHING
        place.mkdir(parents=True, exist_ok=True)
        return locked(place / checkpoint_id)

    def check_room(self, checkpoint_id: str, size: int) -> None:
        """Raise CheckpointError where the disk has no room for so many bytes; events and sessions need it, too."""
        if (free := shutil.disk_usage(self.root).free) < size:
            raise CheckpointError(
                f"Expected room for the {size:,} bytes of {checkpoint_id} in {self.root}, got {free:,}. Make room, or "
                "look whether somebody put something else into the bucket."
            )

    def writing(self) -> AbstractContextManager[Path]:
        """Make a hidden folder to write a checkpoint into."""
        return self._folders.writing()

    def keep(self, folder: Path, manifest: Manifest, needed: Collection[str]) -> Path:
        """Keep a checkpoint that was written into a folder and is whole; return where.

        Others make room for it, but none that is `needed`.
        """
        for name in manifest.files:
            (folder / name).chmod(0o444)  # mapped by those who serve
        sync_tree(folder)
        self._folders.show(folder, manifest)
        self._make_room({manifest.checkpoint_id, *needed})
        return self._folders.folder(manifest.checkpoint_id)

    def drop(self, checkpoint_ids: Collection[str]) -> None:
        """Remove checkpoints; who has their files mapped keeps them until it lets go."""
        self._remove(checkpoint_ids)
        for checkpoint_id in checkpoint_ids:
            (self.root / FETCHING / checkpoint_id).unlink(missing_ok=True)

    def labels_seen(self) -> Labels:
        """Return the labels that were kept last."""
        return self._folders.labels()

    def see_labels(self, labels: Labels) -> None:
        """Keep the labels for a time without the store."""
        with suppress(OSError):  # a full disk must not keep a server from following labels
            self.root.mkdir(parents=True, exist_ok=True)
            replace_file(self.root / LABELS_FILE, write_fields(labels.to_dict()))

    def _remove(self, checkpoint_ids: Collection[str]) -> None:
        if not checkpoint_ids:
            return
        with locked(self.root / LOCK_FILE):
            for checkpoint_id in checkpoint_ids:
                folder = self._folders.folder(checkpoint_id)
                with suppress(FileNotFoundError):  # somebody else removed it
                    folder.rename(self.root / f"{REMOVING}{checkpoint_id}")
                forget(folder)
            sweep(self.root)

    def _make_room(self, needed: Collection[str]) -> None:
        """Drop what was not used for longest until the rest is within the limit; what is needed stays in any case."""
        sizes, used = {}, {}
        for checkpoint_id in self._folders.ids():
            folder = self._folders.folder(checkpoint_id)
            with suppress(FileNotFoundError):
                sizes[checkpoint_id] = sum(file.stat().st_size for file in folder.rglob("*"))
                used[checkpoint_id] = folder.stat().st_mtime
        total, dropped = sum(sizes.values()), []
        for checkpoint_id in sorted(used, key=used.__getitem__):
            if total <= self._limit_bytes:
                break
            if checkpoint_id not in needed:
                dropped.append(checkpoint_id)
                total -= sizes[checkpoint_id]
        self.drop(dropped)
