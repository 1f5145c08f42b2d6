"""A request that would have to wait too long is refused before anything is done for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Overloaded
from app.web.crowd import ALWAYS, MEMORY, PATIENCE_S, Crowd


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
