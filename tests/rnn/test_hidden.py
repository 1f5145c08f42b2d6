"""A hidden state is opened by the checkpoint that sealed it and by no other."""

import pytest
import torch

from app.domain.session import StampedHidden
from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.hidden import stamp, unstamp


def test_what_is_stamped_comes_back_exactly() -> None:
    hidden = torch.randn(3, 5)
    assert torch.equal(unstamp("one", stamp("one", hidden), 5), hidden)


def test_nothing_stored_is_the_start_state() -> None:
    hidden = torch.ones(1, 4)
    opened = unstamp("one", [None, *stamp("one", hidden), None], 4)
    assert opened.tolist() == [[0] * 4, [1] * 4, [0] * 4]


def test_a_state_of_another_checkpoint_is_refused() -> None:
    with pytest.raises(IncompatibleCheckpoint, match="checkpoint two, got one of one"):
        unstamp("two", stamp("one", torch.ones(1, 4)), 4)


def test_a_state_of_another_size_is_refused() -> None:
    with pytest.raises(CorruptCheckpoint, match="16 bytes for checkpoint one, got 15"):
        unstamp("one", [StampedHidden("one", b"\0" * 15)], 4)


def test_the_bytes_are_little_endian_float32() -> None:
    assert stamp("one", torch.tensor([[1.0]]))[0].data == b"\x00\x00\x80\x3f"
