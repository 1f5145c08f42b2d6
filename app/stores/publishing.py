"""Publishing: from a trained network to a folder that a server can trust, or to a refusal.

Knows nothing of labels: what is published serves nobody until it is promoted.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.catalogue import Catalogue
from app.errors import CorruptCheckpoint
from app.formats.mapped_catalogue import MappedCatalogue
from app.formats.song_map_file import write_song_map
from app.rnn.checkpoint import (
    LOAD_TOLERANCE,
    PUBLISH_TOLERANCE,
    CheckpointDraft,
    ask,
    check_answer,
    check_same_weights,
    read_checkpoint,
    write_draft,
)
from app.rnn.checkpoint_files import (
    CODES_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    MAP_FILE,
    SEARCH_FILE,
    WEIGHTS_FILE,
    content_hash,
    file_sha256,
)
from app.rnn.checkpoint_index import read_checkpoint_index, write_checkpoint_index
from app.rnn.checkpoint_mixture import ask_mixed, check_mixed_answer, check_same_mixture, read_checkpoint_mixture
from app.rnn.manifest import Manifest
from app.rnn.mixture import Mixture
from app.rnn.network import RecurrentNetwork
from app.rnn.song_map import song_map_of
from app.rnn.weights import read_network
from app.stores.depot import Depot
from app.stores.durable_files import replace_file, sync_tree
from app.stores.search_index import build_search_index
from app.stores.track_search import TrackSearch


def publish(depot: Depot, folder: Path, draft: CheckpointDraft) -> Manifest:
    """Write a draft into an empty folder aside, compare it with what was trained, and let everybody see it."""
    files, index = _write(folder, draft)
    # Rows in half precision answer a little differently from the trained ones; the probe is what the stored ones say.
    network = read_network(folder / WEIGHTS_FILE, draft.network.config) if draft.in_halves else draft.network
    while True:
        manifest = _manifest_of(draft, network, files, index)
        replace_file(folder / MANIFEST_FILE, manifest.to_json())
        _check_written(folder, manifest, draft)
        if depot.show(folder, manifest):
            return manifest
        # Somebody published the same content within this second; the next one has another id.
        time.sleep(1.0)


def read_whole(folder: Path, manifest: Manifest) -> tuple[RecurrentNetwork, Catalogue, Mixture | None]:
    """Read a checkpoint as a server does, its search index too; raise naming the file that is wrong."""
    network, catalogue = read_checkpoint(folder, manifest)
    mixture = read_checkpoint_mixture(folder, manifest, network, LOAD_TOLERANCE)
    read_checkpoint_index(folder, manifest)
    search = TrackSearch(folder / SEARCH_FILE)
    search.close()
    if len(search) not in (0, len(catalogue)):  # of no tracks where they were not to be searchable
        raise CorruptCheckpoint(
            f"Expected {len(catalogue)} tracks in {SEARCH_FILE} of {manifest.checkpoint_id}, got {len(search)}; "
            "publish it again."
        )
    return network, catalogue, mixture


def _write(folder: Path, draft: CheckpointDraft) -> tuple[dict[str, str], dict[str, Any]]:
    """Write all files but the manifest and wait for the disk; return their names and SHA-256, and what the index is."""
    names = [*write_draft(folder, draft), MAP_FILE, SEARCH_FILE]
    write_song_map(folder / MAP_FILE, song_map_of(draft.network, draft.catalogue))
    build_search_index(folder / SEARCH_FILE, draft.catalogue if draft.searchable else Catalogue([]))
    index: dict[str, Any] = {}
    if draft.is_indexed:
        index = write_checkpoint_index(folder, draft)
        names += [CODES_FILE, INDEX_FILE]
    for name in names:
        # Servers map these files; a reminder to whoever is about to edit one in place.
        (folder / name).chmod(0o444)
    sync_tree(folder)
    return {name: file_sha256(folder / name) for name in names}, index


def _manifest_of(
    draft: CheckpointDraft, network: RecurrentNetwork, files: dict[str, str], index: dict[str, Any]
) -> Manifest:
    now = datetime.now(UTC)
    probe = ask(network, draft.probe)
    if draft.mixture is not None:
        probe = ask_mixed(network, draft.mixture, probe)
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
        probe=probe,
        index=index,
    )


def _check_written(folder: Path, manifest: Manifest, draft: CheckpointDraft) -> None:
    """Compare what is on the disk with what was trained, through the reading a server does."""
    network, catalogue, mixture = read_whole(folder, Manifest.from_json((folder / MANIFEST_FILE).read_bytes()))
    check_same_weights(draft.network, network)
    check_answer(network, manifest.probe, PUBLISH_TOLERANCE)
    if draft.mixture is not None:
        check_same_mixture(draft.mixture, mixture)
        check_mixed_answer(network, draft.mixture, manifest.probe, PUBLISH_TOLERANCE)
    if not _same_tracks(catalogue, draft.catalogue):
        raise CorruptCheckpoint("The catalogue reads back other than it was written; check the disk.")


def _same_tracks(stored: Catalogue, trained: Catalogue) -> bool:
    if isinstance(stored, MappedCatalogue) and isinstance(trained, MappedCatalogue):
        return bool(stored.table.equals(trained.table))
    return all(one == other for one, other in zip(stored, trained, strict=True))
