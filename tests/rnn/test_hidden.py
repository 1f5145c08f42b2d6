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
    with pytest.raises(CorruptCheckpoint, match="of 4 numbers for checkpoint one: 13 bytes are no hidden state"):
        unstamp("one", [StampedHidden("one", b"\0" * 13)], 4)


def test_half_precision_comes_back_rounded() -> None:
    hidden = torch.randn(3, 5)
    assert torch.equal(unstamp("one", stamp("one", hidden, "half"), 5), hidden.half().float())


def test_both_precisions_and_the_form_before_them_are_read_together() -> None:
    """A listener's state is of the precision that was set when it was stored."""
    hidden = torch.randn(3, 128)
    old = StampedHidden("one", hidden[2].numpy().astype("<f4").tobytes())
    opened = unstamp("one", [*stamp("one", hidden[:1]), None, *stamp("one", hidden[1:2], "half"), old], 128)
    assert torch.equal(opened, torch.stack([hidden[0], torch.zeros(128), hidden[1].half().float(), hidden[2]]))
