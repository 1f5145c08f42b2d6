"""The checkpoint store: folders that are published whole, never change, and are named by id or label.

Knows nothing of training or of requests. A name from outside is never a path: it is matched against the ids there are.
"""

import builtins
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import CheckpointError, CorruptCheckpoint, InvalidRequest, UnknownCheckpoint
from app.rnn.manifest import (
    CHECKPOINT_ID,
    MANIFEST_FILE,
    SEARCH_FILE,
    Manifest,
    check_present,
    content_hash,
    file_sha256,
    read_manifest,
)
from app.stores.durable_files import abandoned, locked, replace_file, sync, sync_tree
from app.stores.labels import LABELS, LABELS_FILE, LOCK_FILE, Labels, previous_stable, read_labels

if TYPE_CHECKING:
    from app.rnn.checkpoint import CheckpointDraft
    from app.rnn.predictor import Predictor
    from app.stores.track_search import TrackSearch

# Hidden, so that no listing of ours or of a person's shows what is on its way in or out.
_PUBLISHING = ".publishing-"
_REMOVING = ".removing-"
_NAME = re.compile(r"[0-9A-Za-z-]{1,64}")


class CheckpointStore:
    """The checkpoints below one folder. Any number of processes may read, publish and prune at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        """The store's folder."""
        return self._root

    def publish(self, draft: "CheckpointDraft") -> Manifest:
        """Write a draft aside, read it back, compare it with what was trained, and only then show it in the store.

        Nothing is promoted. A crash at any moment leaves the store as it was; what it leaves aside is swept by the
        next publisher. Raises CorruptCheckpoint or IncompatibleCheckpoint for a draft that must not serve.
        """
        draft.check()
        try:
            with self._aside() as folder:
                return self._publish_from(folder, draft)
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
        check_present(folder, manifest)
        return manifest

    def load(self, name: str) -> "Predictor":
        """Return the checkpoint's predictor, every file verified, the weights mapped, and the first steps taken."""
        from app.rnn.checkpoint import read_checkpoint
        from app.rnn.predictor import Predictor

        folder = self._folder(name)
        manifest = read_manifest(folder)
        predictor = Predictor(manifest.checkpoint_id, *read_checkpoint(folder, manifest))
        predictor.warm_up()
        return predictor

    def search(self, name: str) -> "TrackSearch":
        """Return the search over the checkpoint's tracks. Its file was verified when the checkpoint was loaded."""
        from app.stores.track_search import TrackSearch

        return TrackSearch(self._folder(name) / SEARCH_FILE)

    def verify(self, name: str) -> None:
        """Read a checkpoint as a server would; raise CorruptCheckpoint or IncompatibleCheckpoint naming the file."""
        from app.rnn.checkpoint import read_checkpoint

        folder = self._folder(name)
        manifest = read_manifest(folder)
        read_checkpoint(folder, manifest)
        self._check_search(folder, manifest)

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
                (self._root / checkpoint_id).rename(self._root / f"{_REMOVING}{checkpoint_id}")
            sync(self._root)
            self._sweep()
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
                check_present(folder, manifest)
            except CheckpointError as error:
                # Pruned while we looked: not damaged, gone.
                if folder.is_dir():
                    found[checkpoint_id] = error
            else:
                found[checkpoint_id] = manifest
        return found

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """Make a hidden folder and hold its lock; nothing of it is left afterwards unless it was renamed."""
        self._root.mkdir(parents=True, exist_ok=True)
        with locked(self._root / LOCK_FILE):
            self._sweep()
            folder = self._root / f"{_PUBLISHING}{os.getpid()}-{secrets.token_hex(4)}"
            folder.mkdir()
            holding = locked(folder)
            # Taken before the store's lock is given back: a sweeper never meets a live folder without a holder.
            holding.__enter__()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            holding.__exit__(None, None, None)

    def _sweep(self) -> None:
        """Remove what dead publishers and pruners left. The caller holds the store's lock."""
        for folder in self._root.glob(f"{_REMOVING}*"):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in self._root.glob(f"{_PUBLISHING}*"):
            if abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
        for file in self._root.glob(f".{LABELS_FILE}-*"):
            file.unlink(missing_ok=True)

    def _publish_from(self, folder: Path, draft: "CheckpointDraft") -> Manifest:
        files = self._write(folder, draft)
        while True:
            manifest = _manifest_of(draft, files)
            replace_file(folder / MANIFEST_FILE, manifest.to_json())
            self._check_written(folder, manifest, draft)
            if self._show(folder, manifest.checkpoint_id):
                return manifest
            # Somebody published the same content within this second; the next one has another id.
            time.sleep(1.0)

    def _write(self, folder: Path, draft: "CheckpointDraft") -> dict[str, str]:
        """Write all files but the manifest; return their names and SHA-256."""
        from app.rnn.checkpoint import write_draft
        from app.stores.track_search import build_search_index

        names = write_draft(folder, draft)
        build_search_index(folder / SEARCH_FILE, draft.catalogue)
        for name in (*names, SEARCH_FILE):
            # Servers map these files; a reminder to whoever is about to edit one in place.
            (folder / name).chmod(0o444)
        sync_tree(folder)
        return {name: file_sha256(folder / name) for name in (*names, SEARCH_FILE)}

    def _check_written(self, folder: Path, manifest: Manifest, draft: "CheckpointDraft") -> None:
        """Compare what is on the disk with what was trained, through the reading a server does."""
        from app.rnn.checkpoint import PUBLISH_TOLERANCE, check_answer, check_same_weights, read_checkpoint

        written = Manifest.from_json((folder / MANIFEST_FILE).read_bytes())
        network, catalogue = read_checkpoint(folder, written)
        check_same_weights(draft.network, network)
        check_answer(network, manifest.probe, PUBLISH_TOLERANCE)
        if any(stored != track for stored, track in zip(catalogue, draft.catalogue, strict=True)):
            raise CorruptCheckpoint("The catalogue reads back other than it was written; check the disk.")
        self._check_search(folder, manifest)

    def _check_search(self, folder: Path, manifest: Manifest) -> None:
        from app.stores.track_search import TrackSearch

        index = TrackSearch(folder / SEARCH_FILE)
        try:
            if len(index) != manifest.network.catalogue_size:
                raise CorruptCheckpoint(
                    f"Expected {manifest.network.catalogue_size} tracks in {SEARCH_FILE} of {manifest.checkpoint_id}, "
                    f"got {len(index)}; publish it again."
                )
        finally:
            index.close()

    def _show(self, folder: Path, checkpoint_id: str) -> bool:
        """Give the folder its name; False when the name is taken."""
        sync(folder)
        try:
            folder.rename(self._root / checkpoint_id)
        except OSError:
            if (self._root / checkpoint_id).exists():
                return False
            raise
        sync(self._root)
        return True


def _manifest_of(draft: "CheckpointDraft", files: dict[str, str]) -> Manifest:
    from app.rnn.checkpoint import ask

    now = datetime.now(UTC)
    return Manifest(
        checkpoint_id=f"{now:%Y%m%dT%H%M%SZ}-{content_hash(files)}",
        created_at=now.isoformat(timespec="seconds"),
        status="accepted" if draft.verdict.accepted else "rejected",
        reason=draft.verdict.reason,
        network_fields=draft.network.config.to_dict(),
        training=draft.training,
        data=draft.data,
        metrics=draft.metrics,
        baselines=draft.baselines,
        files=files,
        probe=ask(draft.network, draft.probe),
    )
