"""What an index file must be before it is searched."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from app.errors import CheckpointError, CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.retrieval.index import Index
from app.rnn.retrieval.index_file import read_index, write_index
from tests.rnn.retrieval.indexes import CLUSTERS, K, V, small_index


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "index.faiss", tmp_path / "index.safetensors"
    write_index(*paths, small_index())
    return paths


def candidates(index: Index) -> list[list[int]]:
    rows: list[list[int]] = index.candidates(index.look(torch.ones(2, K)), 50).sort(1).values.tolist()
    return rows


def rewritten(path: Path, changes: dict[str, torch.Tensor]) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    save_file({**tensors, **changes}, path, metadata=metadata)


def test_an_index_reads_back_as_it_was_written(files: tuple[Path, Path]) -> None:
    index = read_index(*files, V, K)
    assert index.settings == small_index().settings
    assert candidates(index) == candidates(small_index())
    assert torch.equal(index.playlists, small_index().playlists)


@pytest.mark.parametrize("kept", [0, 10, 1000, 20_000])
@pytest.mark.parametrize("which", [0, 1])
def test_a_file_cut_short_is_named(files: tuple[Path, Path], which: int, kept: int) -> None:
    content = files[which].read_bytes()
    files[which].write_bytes(content[: min(kept, len(content) - 1)])
    with pytest.raises(CheckpointError, match=files[which].name):
        read_index(*files, V, K)


@pytest.mark.parametrize(("tracks", "size"), [(V + 1, K), (V, K + 1)])
def test_an_index_of_another_network_is_refused(files: tuple[Path, Path], tracks: int, size: int) -> None:
    with pytest.raises(IncompatibleCheckpoint, match=f"Expected an index of {tracks} rows of {size} numbers"):
        read_index(*files, tracks, size)


def test_codes_of_another_kind_or_size_are_refused(files: tuple[Path, Path]) -> None:
    flat = faiss.IndexFlatL2(24)
    faiss.write_index(flat, str(files[0]))
    with pytest.raises(IncompatibleCheckpoint, match=r"inverted file with 8-bit codes in index\.faiss"):
        read_index(*files, V, K)
    other = faiss.IndexIVFScalarQuantizer(flat, 24, 1, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    rows = np.eye(24, dtype=np.float32)
    other.train(rows)
    other.add(rows)
    faiss.write_index(other, str(files[0]))
    with pytest.raises(IncompatibleCheckpoint, match="got 24 rows in 1 clusters"):
        read_index(*files, V, K)


def test_rows_outside_the_catalogue_never_reach_a_table(files: tuple[Path, Path]) -> None:
    index: Any = faiss.read_index(str(files[0]))
    number = next(at for at in range(index.nlist) if index.invlists.list_size(at))
    faiss.rev_swig_ptr(index.invlists.get_ids(number), 1)[0] = V
    faiss.write_index(index, str(files[0]))
    with pytest.raises(CorruptCheckpoint, match=r"Expected rows 0 to 2999 in index\.faiss"):
        read_index(*files, V, K)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"means": torch.zeros(3, 24)}, "L = 3"),
        ({"means": torch.full((CLUSTERS, 24), float("nan"))}, "NaN or infinity in means"),
        ({"sizes": torch.zeros(CLUSTERS, dtype=torch.int32)}, "sizes in float32"),
        ({"of_rows": torch.zeros(17)}, "of_rows of shape"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    files: tuple[Path, Path], changes: dict[str, torch.Tensor], message: str
) -> None:
    rewritten(files[1], changes)
    with pytest.raises(CheckpointError, match=message):
        read_index(*files, V, K)


def test_an_index_of_another_version_is_refused(files: tuple[Path, Path]) -> None:
    save_file(load_file(files[1]), files[1].with_suffix(".new"), metadata={"index": '{"format_version": 2}'})
    files[1].with_suffix(".new").rename(files[1])
    with pytest.raises(IncompatibleCheckpoint, match=r"format version 1 in index\.safetensors, got 2"):
        read_index(*files, V, K)
