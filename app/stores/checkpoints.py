"""The checkpoint store: checkpoints that are published whole, never change, and are named by id or label.

Knows nothing of training or of requests, and of where they are kept: that is the depot's. A name from outside is never
a path: it is matched against the ids there are.
"""

import builtins
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import CheckpointError, InvalidRequest, UnknownCheckpoint, WorseThanBaseline
from app.rnn.checkpoint_files import SEARCH_FILE
from app.rnn.manifest import CHECKPOINT_ID, Manifest, read_manifest
from app.stores.depot import Depot
from app.stores.folder_depot import FolderDepot
from app.stores.labels import LABELS, Labels, check_label, check_pointing, pointed, promoted_by_run, rolled_back
from app.stores.verified import check_unless_verified

if TYPE_CHECKING:
    from app.domain.song_map import SongMap
    from app.rnn.checkpoint import CheckpointDraft
    from app.rnn.hidden_bytes import Precision
    from app.rnn.predictor import Predictor
    from app.stores.track_search import TrackSearch

_NAME = re.compile(r"[0-9A-Za-z-]{1,64}")


class CheckpointStore:
    """The checkpoints of one depot. Any number of processes may read, publish and prune at once."""

    def __init__(self, depot: Path | Depot, *, hidden_precision: "Precision" = "single") -> None:
        """Take the depot, or the folder that is one, and how precisely predictors loaded from it keep hidden states."""
        self._depot = FolderDepot(depot) if isinstance(depot, Path) else depot
        self._hidden_precision = hidden_precision

    @property
    def place(self) -> str:
        """Where the checkpoints are kept, in the words of the settings."""
        return self._depot.place

    @property
    def root(self) -> Path:
        """The folder of this machine that checkpoints are read from."""
        return self._depot.root

    def publish(self, draft: "CheckpointDraft") -> Manifest:
        """Write a draft aside, read it back, compare it with what was trained, and only then show it in the store.

        Nothing is promoted. A crash at any moment leaves the store as it was; what it leaves aside is swept by the
        next publisher. Raises CorruptCheckpoint or IncompatibleCheckpoint for a draft that must not serve.
        """
        from app.stores.publishing import publish

        draft.check()
        try:
            with self._depot.writing() as folder:
                return publish(self._depot, folder, draft)
        except (OSError, sqlite3.Error) as error:
            raise CheckpointError(
                f"Expected to write a checkpoint to {self.place}, got: {error}. Make room or correct the folder, "
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
        return self._depot.labels()

    def labels_seen(self) -> Labels:
        """Return what was promoted when this machine last saw the labels: what to serve while they are out of reach."""
        return self._depot.labels_seen()

    def promote(
        self,
        label: str,
        checkpoint_id: str,
        *,
        traffic_percent: float | None = None,
        expected_version: int | None = None,
        force: bool = False,
    ) -> Labels:
        """Point a label at a checkpoint whose files are whole; return the new labels.

        Raises LabelsChanged when `expected_version` is given and somebody changed the labels since, WorseThanBaseline
        for a rejected checkpoint unless `force`d, UnknownCheckpoint or CorruptCheckpoint for one that cannot serve.
        """
        check_pointing(label, traffic_percent)
        self._check_promotable(checkpoint_id, force=force)
        return self._depot.change_labels(
            lambda labels: pointed(labels, label, checkpoint_id, traffic_percent),
            expected_version=expected_version,
            needs=checkpoint_id,
        )

    def promote_by_run(self, checkpoint_id: str, run_id: str) -> Labels:
        """Point `stable` at what a training run published, once for each run; return the new labels.

        Raises PromotedBefore where the run did so in an attempt before, whatever has become of the label since, and
        what `promote` raises.
        """
        self._check_promotable(checkpoint_id)
        return self._depot.change_labels(
            lambda labels: promoted_by_run(labels, checkpoint_id, run_id), expected_version=None, needs=checkpoint_id
        )

    def rollback(self, label: str = "stable", *, expected_version: int | None = None) -> Labels:
        """Return `stable` to what it was before, or take the label `canary` or `shadow` away; return the new labels.

        A checkpoint of the history that was removed or is damaged is passed over, and forgotten.
        """
        check_label(label)
        return self._depot.change_labels(
            lambda labels: rolled_back(labels, label, self._is_whole), expected_version=expected_version
        )

    def resolve(self, name: str) -> str:
        """Return the id that an id, a label, the beginning of one id or the end of one id names.

        Raises UnknownCheckpoint when there is none, or more than one.
        """
        if name in LABELS:
            if (labelled := self.labels().named(name)) is None:
                raise UnknownCheckpoint(f"No checkpoint is labelled {name}. Promote one with `segue models promote`.")
            name = labelled
        if CHECKPOINT_ID.fullmatch(name) and (self._depot.is_at_hand(name) or self._depot.has(name)):
            return name
        ids = self.ids() if _NAME.fullmatch(name) else []
        found = [one for one in ids if one.startswith(name) or one.endswith(f"-{name}")]
        if len(found) != 1:
            came = f"which names {len(found)} of {len(ids)}" if found else f"which is none of the {len(ids)} there are"
            raise UnknownCheckpoint(
                f"Expected a checkpoint's id, the beginning of one, or a label, got {name[:80]!r}, {came}. "
                "`segue models list` shows them."
            )
        return found[0]

    def manifest(self, name: str) -> Manifest:
        """Return the manifest of a checkpoint whose files are all there."""
        return self._depot.manifest(self.resolve(name))

    def folder(self, name: str) -> Path:
        """Return a checkpoint as a folder of this machine, to be read only; whoever reads it checks it."""
        return self._depot.folder(self.resolve(name))

    def load(self, name: str) -> "Predictor":
        """Return the checkpoint's predictor, every file verified, the weights mapped, and the first steps taken.

        Files of a large checkpoint that were verified on this machine and not touched since are not hashed again.
        """
        from app.rnn.checkpoint import LOAD_TOLERANCE, read_checkpoint
        from app.rnn.checkpoint_index import read_checkpoint_index
        from app.rnn.checkpoint_mixture import read_checkpoint_mixture
        from app.rnn.predictor import Predictor

        folder = self.folder(name)
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

        return TrackSearch(self.folder(name) / SEARCH_FILE)

    def song_map(self, name: str) -> "SongMap":
        """Return the map of a checkpoint's tracks; raise NoSongMap for one that was published without."""
        from app.rnn.checkpoint_map import read_checkpoint_map

        folder = self.folder(name)
        return read_checkpoint_map(folder, read_manifest(folder))

    def verify(self, name: str) -> None:
        """Read a checkpoint as a server would; raise CorruptCheckpoint or IncompatibleCheckpoint naming the file."""
        from app.stores.publishing import read_whole

        folder = self.folder(name)
        read_whole(folder, read_manifest(folder))

    def prune(self, keep: int) -> builtins.list[str]:
        """Remove all but the newest `keep`, the labelled ones and the one a rollback goes to; return the ids removed.

        A server that has one of them loaded keeps its mapped files until it lets go.
        """
        if keep < 0:
            raise InvalidRequest(f"Expected to keep 0 checkpoints or more, got {keep}.")
        return self._depot.remove_but(keep)

    def ids(self) -> builtins.list[str]:
        """Return the ids of all that look published, newest first."""
        return self._depot.ids()

    def _read_all(self) -> dict[str, Manifest | CheckpointError]:
        found: dict[str, Manifest | CheckpointError] = {}
        for checkpoint_id in self.ids():
            try:
                found[checkpoint_id] = self._depot.manifest(checkpoint_id)
            except CheckpointError as error:
                found[checkpoint_id] = error
        # Pruned while we looked: not damaged, gone.
        gone = {name for name, one in found.items() if isinstance(one, CheckpointError)} - set(self.ids())
        return {name: one for name, one in found.items() if name not in gone}

    def _check_promotable(self, checkpoint_id: str, *, force: bool = False) -> None:
        # Hashing a large checkpoint takes a while, and it cannot change: others need not wait for it.
        manifest = self._whole(checkpoint_id)
        if not manifest.accepted and not force:
            raise WorseThanBaseline(
                f"Expected an accepted checkpoint, got {checkpoint_id}, rejected because: {manifest.reason} "
                "Train a better one, or promote it with force."
            )

    def _whole(self, checkpoint_id: str) -> Manifest:
        if not CHECKPOINT_ID.fullmatch(checkpoint_id) or not self._depot.has(checkpoint_id):
            raise UnknownCheckpoint(
                f"Expected the id of a published checkpoint, got {checkpoint_id!r}. `segue models list` shows them."
            )
        return self._depot.check(checkpoint_id)

    def _is_whole(self, checkpoint_id: str) -> bool:
        try:
            self._whole(checkpoint_id)
        except (CheckpointError, UnknownCheckpoint):
            return False
        return True
