from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import CorruptCheckpoint
from app.rnn.checkpoint_files import SEARCH_FILE, file_sha256
from app.stores.checkpoints import CheckpointStore
from app.stores.publishing import read_whole
from app.stores.search_index import build_search_index
from tests.rnn.drafts import V, new_draft, small_catalogue


def test_a_search_index_of_another_size_is_refused_though_it_hashes_right(tmp_path: Path) -> None:
    manifest = CheckpointStore(tmp_path).publish(new_draft())
    folder = tmp_path / manifest.checkpoint_id
    network, catalogue, _ = read_whole(folder, manifest)
    assert (network.config.catalogue_size, len(catalogue)) == (V, V)
    (folder / SEARCH_FILE).unlink()
    build_search_index(folder / SEARCH_FILE, small_catalogue(V - 1))
    forged = replace(manifest, files={**manifest.files, SEARCH_FILE: file_sha256(folder / SEARCH_FILE)})
    with pytest.raises(CorruptCheckpoint, match=r"12 tracks in tracks\.sqlite .* got 11"):
        read_whole(folder, forged)
