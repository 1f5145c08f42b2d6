"""A request that would have to wait too long is refused before anything is done for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Overloaded
from app.web.crowd import ALWAYS, ALWAYS_IN_A_FLOOD, FLOOD, LOOK_S, MEMORY, PATIENCE_S, Crowd


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def at_pace(gap_s: float, most: int = 10_000) -> Crowd:
    """A crowd whose answers have left with these gaps for a while; nobody is left in it."""
    clock = Clock()
    crowd = Crowd(most, clock=clock)
    for _ in range(20 * MEMORY):
        crowd.enter()
        clock.now += gap_s
        crowd.leave()
    return crowd


def let_in(crowd: Crowd, asking: int) -> int:
    """Return how many of so many at once are let in."""
    count = 0
    for _ in range(asking):
        try:
            crowd.enter()
        except Overloaded:
            continue
        count += 1
    return count


@given(st.floats(1e-5, 1.0))
def test_as_many_are_let_in_as_can_be_answered_in_time(gap_s: float) -> None:
    expected = max(ALWAYS, int(PATIENCE_S / gap_s))
    assert let_in(at_pace(gap_s, most=2000), 3000) == pytest.approx(min(expected, 2000), abs=1 + expected * 1e-3)


def test_before_the_pace_is_known_only_the_bound_holds() -> None:
    assert let_in(Crowd(most=100), 300) == 100


def test_a_pause_does_not_count_as_slowness() -> None:
    clock = Clock()
    crowd = Crowd(1000, clock=clock)
    for _ in range(20 * MEMORY):
        clock.now += 60.0
        crowd.enter()
        clock.now += 0.001
        crowd.leave()
    assert let_in(crowd, 200) == pytest.approx(100, abs=1)


def test_who_was_refused_is_not_counted() -> None:
    crowd = Crowd(most=ALWAYS)
    assert let_in(crowd, 100) == ALWAYS
    assert len(crowd) == ALWAYS
    for _ in range(ALWAYS):
        crowd.leave()
    assert len(crowd) == 0


def open_at(rate: float, pace: float, seconds: float) -> int:
    """Return how many are open after so many seconds at which requests come and answers leave so often a second."""
    clock = Clock()
    crowd = Crowd(10_000, clock=clock)
    coming = [(number / rate, "comes") for number in range(int(rate * seconds))]
    leaving = [((number + 0.5) / pace, "leaves") for number in range(int(pace * seconds))]
    for moment, what in sorted(coming + leaving):
        clock.now = 100.0 + moment
        if what == "comes":
            let_in(crowd, 1)
        elif len(crowd):
            crowd.leave()
    return len(crowd)


@settings(deadline=None, max_examples=30)
@given(st.floats(400.0, 1000.0), st.floats(1.5 * FLOOD, 8.0))
def test_in_a_flood_the_queue_is_half_as_long(pace: float, times: float) -> None:
    expected = max(ALWAYS_IN_A_FLOOD, PATIENCE_S / 2 * pace)
    assert open_at(times * pace, pace, 5.0) == pytest.approx(expected, abs=2 + 0.05 * expected)


def test_a_batch_that_comes_before_its_answers_leave_is_no_flood() -> None:
    clock = Clock()
    crowd = Crowd(10_000, clock=clock)
    for _ in range(50):
        clock.now += LOOK_S
        assert let_in(crowd, ALWAYS) == ALWAYS
        clock.now += LOOK_S / 2
        for _ in range(ALWAYS):
            crowd.leave()


@settings(deadline=None, max_examples=30)
@given(st.floats(500.0, 1000.0), st.floats(1.1, 0.8 * FLOOD))
def test_somewhat_too_many_wait_as_long_as_they_may(pace: float, times: float) -> None:
    expected = PATIENCE_S * pace
    assert open_at(times * pace, pace, 5.0) == pytest.approx(expected, abs=2 + 0.05 * expected)


def test_a_flood_that_is_over_is_forgotten() -> None:
    clock = Clock()
    crowd = Crowd(10_000, clock=clock)
    for come in [10] * 400 + [1] * 400:
        clock.now += LOOK_S / 100
        let_in(crowd, come)
        crowd.leave()
    assert len(crowd) + let_in(crowd, 100) == pytest.approx(PATIENCE_S / (LOOK_S / 100), abs=2)
