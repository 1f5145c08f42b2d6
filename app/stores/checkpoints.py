"""The checkpoint store: folders that are published whole, never change, and are named by id or label.

Knows nothing of training or of requests. A name from outside is never a path: it is matched against the ids there are.
"""

import builtins
import os
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import CheckpointError, InvalidRequest, UnknownCheckpoint
from app.rnn.checkpoint_files import SEARCH_FILE, check_present
from app.rnn.manifest import CHECKPOINT_ID, Manifest, read_manifest
from app.stores.aside import REMOVING, aside, sweep
from app.stores.durable_files import locked, sync
from app.stores.labels import LABELS, LOCK_FILE, Labels, previous_stable, read_labels
from app.stores.verified import check_unless_verified, forget

if TYPE_CHECKING:
    from app.domain.song_map import SongMap
    from app.rnn.checkpoint import CheckpointDraft
    from app.rnn.hidden_bytes import Precision
    from app.rnn.predictor import Predictor
    from app.stores.track_search import TrackSearch

_NAME = re.compile(r"[0-9A-Za-z-]{1,64}")


class CheckpointStore:
    """The checkpoints below one folder. Any number of processes may read, publish and prune at once."""

    def __init__(self, root: Path, *, hidden_precision: "Precision" = "single") -> None:
        """Take the folder, and how precisely the predictors loaded from it keep hidden states."""
        self._root = root
        self._hidden_precision = hidden_precision

    @property
    def root(self) -> Path:
        """The store's folder."""
        return self._root

    def publish(self, draft: "CheckpointDraft") -> Manifest:
        """Write a draft aside, read it back, compare it with what was trained, and only then show it in the store.

        Nothing is promoted. A crash at any moment leaves the store as it was; what it leaves aside is swept by the
        next publisher. Raises CorruptCheckpoint or IncompatibleCheckpoint for a draft that must not serve.
        """
        from app.stores.publishing import publish

        draft.check()
        try:
            with aside(self._root) as folder:
                return publish(self._root, folder, draft)
        except (OSError, sqlite3.Error) as error:
            raise CheckpointError(
                f"Expected to write a checkpoint to {self._root}, got: {error}. Make room or correct the folder, "
                "and publish again."
            ) from error

    def list(self) -> list[Manifest]:
        """Return the manifests of all whole checkpoints, newest first; see `damaged` for the others."""
        return [manifest for manifest in self._read_all().values() if isinstance(manifest, Manifest)]

    def damaged(self) -> dict[str, CheckpointError]:
        """Return the checkpoints whose manifest is changed or whose files are missing, and what is wrong with each."""
        return {name: error for name, error in self._read_all().items() if not isinstance(error, Manifest)}

    def labels(self) -> Labels:
        """Return what is promoted."""
        return read_labels(self._root)

    def resolve(self, name: str) -> str:
        """Return the id that an id, a label, the beginning of one id or the end of one id names.

        Raises UnknownCheckpoint when there is none, or more than one.
        """
        if name in LABELS:
            if (labelled := self.labels().named(name)) is None:
                raise UnknownCheckpoint(f"No checkpoint is labelled {name}. Promote one with `segue models promote`.")
            name = labelled
        ids = self.ids() if _NAME.fullmatch(name) else []
        found = [name] if name in ids else [one for one in ids if one.startswith(name) or one.endswith(f"-{name}")]
        if len(found) != 1:
            came = f"which names {len(found)} of {len(ids)}" if found else f"which is none of the {len(ids)} there are"
            raise UnknownCheckpoint(
                f"Expected a checkpoint's id, the beginning of one, or a label, got {name[:80]!r}, {came}. "
                "`segue models list` shows them."
            )
        return found[0]

    def manifest(self, name: str) -> Manifest:
        """Return the manifest of a checkpoint whose files are all there."""
        folder = self._folder(name)
        manifest = read_manifest(folder)
        check_present(folder, manifest.files)
        return manifest

    def load(self, name: str) -> "Predictor":
        """Return the checkpoint's predictor, every file verified, the weights mapped, and the first steps taken.

        Files of a large checkpoint that were verified on this machine and not touched since are not hashed again.
        """
        from app.rnn.checkpoint import LOAD_TOLERANCE, read_checkpoint
        from app.rnn.checkpoint_index import read_checkpoint_index
        from app.rnn.checkpoint_mixture import read_checkpoint_mixture
        from app.rnn.predictor import Predictor

        folder = self._folder(name)
        manifest = read_manifest(folder)
        network, catalogue = read_checkpoint(folder, manifest, check_unless_verified)
        mixture = read_checkpoint_mixture(folder, manifest, network, LOAD_TOLERANCE)
        index = read_checkpoint_index(folder, manifest)
        predictor = Predictor(manifest.checkpoint_id, network, catalogue, mixture, self._hidden_precision, index)
        predictor.warm_up()
        return predictor

    def search(self, name: str) -> "TrackSearch":
        """Return the search over the checkpoint's tracks. Its file was verified when the checkpoint was loaded."""
        from app.stores.track_search import TrackSearch

        return TrackSearch(self._folder(name) / SEARCH_FILE)

    def song_map(self, name: str) -> "SongMap":
        """Return the map of a checkpoint's tracks; raise NoSongMap for one that was published without."""
        from app.rnn.checkpoint_map import read_checkpoint_map

        folder = self._folder(name)
        return read_checkpoint_map(folder, read_manifest(folder))

    def verify(self, name: str) -> None:
        """Read a checkpoint as a server would; raise CorruptCheckpoint or IncompatibleCheckpoint naming the file."""
        from app.stores.publishing import read_whole

        folder = self._folder(name)
        read_whole(folder, read_manifest(folder))

    def prune(self, keep: int) -> builtins.list[str]:
        """Remove all but the newest `keep`, the labelled ones and the one a rollback goes to; return the ids removed.

        A server that has one of them loaded keeps its mapped files until it lets go.
        """
        if keep < 0:
            raise InvalidRequest(f"Expected to keep 0 checkpoints or more, got {keep}.")
        if not self._root.is_dir():
            return []
        with locked(self._root / LOCK_FILE):
            labels, ids = self.labels(), self.ids()
            kept = {*(labels.named(label) for label in LABELS), previous_stable(self._root), *ids[:keep]}
            removed = [checkpoint_id for checkpoint_id in ids if checkpoint_id not in kept]
            for checkpoint_id in removed:
                # Renamed first: a half-removed checkpoint must not be listed either.
                (self._root / checkpoint_id).rename(self._root / f"{REMOVING}{checkpoint_id}")
                forget(self._root / checkpoint_id)
            sync(self._root)
            sweep(self._root)
        return removed

    def ids(self) -> builtins.list[str]:
        """Return the ids of all folders that look published, newest first."""
        if not self._root.is_dir():
            return []
        with os.scandir(self._root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return sorted((name for name in names if CHECKPOINT_ID.fullmatch(name)), reverse=True)

    def _folder(self, name: str) -> Path:
        return self._root / self.resolve(name)

    def _read_all(self) -> dict[str, Manifest | CheckpointError]:
        found: dict[str, Manifest | CheckpointError] = {}
        for checkpoint_id in self.ids():
            folder = self._root / checkpoint_id
            try:
                manifest = read_manifest(folder)
                check_present(folder, manifest.files)
            except CheckpointError as error:
                # Pruned while we looked: not damaged, gone.
                if folder.is_dir():
                    found[checkpoint_id] = error
            else:
                found[checkpoint_id] = manifest
        return found
