"""States come back bit by bit in single precision, rounded in half; their bytes are as few as promised."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from app.rnn.hidden_bytes import pack, unpack

ANY_BITS = arrays(np.uint32, array_shapes(min_dims=2, max_dims=2, max_side=40))
USUAL = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.floats(-1, 1, width=32))


@given(ANY_BITS | USUAL)
def test_single_precision_comes_back_bit_by_bit(rows: NDArray[Any]) -> None:
    """Not a number, infinities and numbers close to zero included."""
    states = rows.view(np.float32)
    for state, stored in zip(states, pack(states, "single"), strict=True):
        assert unpack(stored, len(state)).tobytes() == state.tobytes()


@given(USUAL)
def test_half_precision_comes_back_rounded(states: NDArray[Any]) -> None:
    opened = np.stack([unpack(stored, states.shape[1]) for stored in pack(states, "half")])
    assert np.array_equal(opened, states.astype(np.float16).astype(np.float32))
    assert pack(opened, "half") == pack(states, "half")


def test_half_precision_holds_what_is_too_large_at_its_largest() -> None:
    states = np.array([[1e9, -1e9, 1.0]], np.float32)
    assert unpack(pack(states, "half")[0], 3).tolist() == [65504.0, -65504.0, 1.0]


def test_usual_states_take_three_and_a_half_bytes_a_number() -> None:
    states = np.tanh(np.random.default_rng(1).normal(size=(100, 128))).astype(np.float32)
    lengths = [len(row) for row in pack(states, "single")]
    assert min(lengths) == 448
    assert sum(lengths) < 449 * len(lengths)
    assert {len(row) for row in pack(states, "half")} == {256}


def test_unusual_states_take_no_more_than_they_are() -> None:
    assert [len(row) for row in pack(np.zeros((2, 9), np.float32), "single")] == [36, 36]


def test_a_state_is_packed_alike_alone_and_in_company() -> None:
    states = np.random.default_rng(2).normal(size=(8, 33)).astype(np.float32)
    assert pack(states, "single") == [row for state in states for row in pack(state[None], "single")]


def test_the_format_stays() -> None:
    """These bytes are in somebody's Redis."""
    states = np.array([[0.5, -0.75, 0.001, 1e-9]], np.float32)
    assert pack(states, "single")[0].hex() == "23cf00006f5f000012700040838930"


@pytest.mark.parametrize("length", [0, 7, 13, 15, 17])
def test_other_bytes_are_no_state(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} bytes are no hidden state of 4 numbers"):
        unpack(bytes(length), 4)
