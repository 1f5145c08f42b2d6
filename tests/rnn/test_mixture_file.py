"""A mixture written and read is the same, and anything else is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.evidence import heard_rows
from app.rnn.mixture_file import mixture_tensors, read_mixture, write_mixture
from app.rnn.ranking import Ranker
from tests.rnn.memories import V, new_mixture


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    mixture = new_mixture(5)
    write_mixture(tmp_path / "mixture.safetensors", mixture)
    again = read_mixture(tmp_path / "mixture.safetensors", V)
    assert again.settings == mixture.settings
    stored = mixture_tensors(again)
    for name, tensor in mixture_tensors(mixture).items():
        assert torch.equal(tensor, stored[name]), name
    ranker, outputs = Ranker(torch.randn(V, 4)), torch.randn(2, 4)
    asked = ranker, outputs, heard_rows([(1, 2, 3), (7,)]), [frozenset({1}), frozenset()], [5, V]
    assert again.top(*asked) == mixture.top(*asked)


def test_another_catalogue_or_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixture.safetensors"
    write_mixture(path, new_mixture())
    with pytest.raises(IncompatibleCheckpoint, match=f"memory of {V + 1} tracks"):
        read_mixture(path, V + 1)
    for stated, message in (({"format_version": 2}, "format version 1"), ({"format_version": 1}, "of this version")):
        save_file(load_file(path), tmp_path / "other", metadata={"mixture": json.dumps(stated)})
        with pytest.raises(IncompatibleCheckpoint, match=message):
            read_mixture(tmp_path / "other", V)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixture.safetensors"
    write_mixture(path, new_mixture())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptCheckpoint, match="cannot be mapped"):
        read_mixture(path, V)


def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    mixture = new_mixture()
    mixture.mixer.weights.data[0] = float("nan")
    with pytest.raises(CorruptCheckpoint, match=r"mixer\.weights"):
        write_mixture(tmp_path / "mixture.safetensors", mixture)
