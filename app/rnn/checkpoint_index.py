"""The index in a checkpoint folder: made from the rows as they are stored, measured, and described in the manifest.

A checkpoint without the files is ranked exactly. Knows nothing of the store around the folder.
"""

from pathlib import Path
from typing import Any

from app.errors import CorruptCheckpoint
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.checkpoint_files import CODES_FILE, INDEX_FILE, WEIGHTS_FILE
from app.rnn.manifest import Manifest
from app.rnn.network import PADDING
from app.rnn.rankers import exact_ranker
from app.rnn.retrieval.building import as_playlists, build_index
from app.rnn.retrieval.index import Index
from app.rnn.retrieval.index_file import read_index, write_index
from app.rnn.retrieval.measuring import chosen
from app.rnn.weights import read_network


def write_checkpoint_index(folder: Path, draft: CheckpointDraft) -> dict[str, Any]:
    """Make the index of the weights in a folder; return how it compares with the exact ranking by the draft's own.

    So what is measured holds the error of half precision, too.
    """
    stored = read_network(folder / WEIGHTS_FILE, draft.network.config)
    index, figures = chosen(build_index(stored, as_playlists(draft.playlists)), stored, exact_ranker(draft.network))
    write_index(folder / CODES_FILE, folder / INDEX_FILE, index)
    return {
        "clusters": len(index.clusters),
        "probes": index.settings.probes,
        "head": index.settings.head,
        "rows": "half" if stored.in_halves else "single",
        "log_total_bias": index.settings.log_total_bias,
        **figures.to_dict(),
    }


def playlists_of(folder: Path, manifest: Manifest) -> list[list[int]]:
    """Return the playlists the index was measured with, for the next one; none where there is no index."""
    index = read_checkpoint_index(folder, manifest)
    return [] if index is None else [[row for row in rows if row != PADDING] for rows in index.playlists.tolist()]


def read_checkpoint_index(folder: Path, manifest: Manifest) -> Index | None:
    """Read the index, if the manifest names one; its files were checked before.

    Raises CorruptCheckpoint or IncompatibleCheckpoint.
    """
    named = [name for name in (CODES_FILE, INDEX_FILE) if name in manifest.files]
    if not named:
        return None
    if len(named) == 1:
        raise CorruptCheckpoint(f"Expected {CODES_FILE} and {INDEX_FILE} in {folder.name}, got {named[0]} alone.")
    config = manifest.network
    return read_index(folder / CODES_FILE, folder / INDEX_FILE, config.catalogue_size, config.vector_size)
