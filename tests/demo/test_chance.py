import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.chance import NAT, soft_choice


def test_a_nat_more_is_drawn_e_times_as_often() -> None:
    strengths = np.tile(np.array([0, NAT, 2 * NAT]), (60_000, 1))
    drawn = np.bincount(soft_choice(strengths, np.random.default_rng(1)), minlength=3)
    assert drawn[1] / drawn[0] == pytest.approx(np.e, rel=0.05)
    assert drawn[2] / drawn[1] == pytest.approx(np.e, rel=0.05)


@given(st.lists(st.integers(-2_000, 2_000), min_size=2, max_size=20), st.integers(0, 1_000))
def test_what_is_barred_is_never_drawn(strengths: list[int], seed: int) -> None:
    """Even where all that is left is thousands of steps behind."""
    best = int(np.argmax(strengths))
    barred = np.zeros((1, len(strengths)), np.bool_)
    barred[0, best] = True
    drawn = soft_choice(np.array([strengths]), np.random.default_rng(seed), barred)
    assert drawn[0] != best
    assert 0 <= drawn[0] < len(strengths)
