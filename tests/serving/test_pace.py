"""Waiting for company pays where company comes."""

from hypothesis import given
from hypothesis import strategies as st

from app.serving.pace import Pace

LONGEST_S = 0.002


def after(*gaps_s: float) -> float:
    """Return the wait after requests that came with these gaps."""
    pace, now = Pace(LONGEST_S), 1000.0
    for gap_s in gaps_s:
        now += gap_s
        pace.arrived(now)
    return pace.wait_s()


def test_the_first_of_all_does_not_wait() -> None:
    assert after(0.0) == 0.0


@given(st.lists(st.floats(LONGEST_S * 1.01, 1e6), max_size=200))
def test_where_requests_are_rare_nobody_waits(gaps_s: list[float]) -> None:
    assert after(*gaps_s) == 0.0


@given(st.lists(st.floats(0.0, 1e6), max_size=50), st.floats(0.0, LONGEST_S / 2))
def test_a_burst_is_noticed_within_tens_of_requests_whatever_was_before(before_s: list[float], gap_s: float) -> None:
    assert after(*before_s, *[gap_s] * 40) == LONGEST_S


def test_without_a_wait_allowed_nobody_waits() -> None:
    pace = Pace(0.0)
    pace.arrived(1.0)
    assert pace.wait_s() == 0.0
