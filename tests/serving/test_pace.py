"""Waiting for company pays where company comes."""

from hypothesis import given
from hypothesis import strategies as st

from app.serving.pace import Durations, Pace

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


@given(st.floats(1e-5, 0.1), st.floats(1e-6, 1e-2), st.lists(st.integers(1, 64), min_size=300, max_size=300))
def test_steps_of_known_cost_are_told_apart(fixed_s: float, each_s: float, sizes: list[int]) -> None:
    """Whatever the sizes were, a step of a usual size is judged by what such steps took."""
    usual = 4
    took_s = fixed_s + each_s * usual
    for short_s, expected in ((2 * took_s, True), (took_s / 2, False)):
        durations = Durations(short_s)
        for size in [*sizes, *[usual] * 300]:
            durations.note("model", size, fixed_s + each_s * size)
        assert durations.are_short("model", usual) is expected


def test_of_an_unknown_model_no_step_is_short() -> None:
    durations = Durations(1.0)
    assert not durations.are_short("old", 1)
    durations.note("old", 1, 0.001)
    assert durations.are_short("old", 1)
    assert not durations.are_short("new", 1)
