from itertools import pairwise

import numpy as np
import pytest

from app.demo.calendar import DAY_S, DAYS, FIRST_DAY, draw_starts, event_times, hour_of, week_of
from app.demo.listeners import WEEKS, draw_listeners
from app.demo.playing import LONGEST, draw_lengths

IDLE_GAP_S = 1800


def test_a_listeners_sessions_are_apart_by_more_than_an_idle_gap() -> None:
    """Cut again at half an hour, the same sessions come out."""
    rng = np.random.default_rng(5)
    listeners = draw_listeners(10, np.arange(20), rng)
    who, start = draw_starts(listeners, 3_000, rng)
    lengths = np.full(len(start), LONGEST)
    tracks = rng.integers(0, 500, int(lengths.sum())).astype(np.int32)
    times = event_times(start, lengths, tracks, rng).reshape(-1, LONGEST)
    assert np.diff(times, axis=1).max() < IDLE_GAP_S
    for listener in range(10):
        mine = times[who == listener]
        assert all(after[0] - before[-1] > IDLE_GAP_S for before, after in pairwise(mine))


def test_sessions_fill_one_year_in_order() -> None:
    rng = np.random.default_rng(6)
    _, start = draw_starts(draw_listeners(100, np.arange(20), rng), 4_000, rng)
    assert (np.diff(start) >= 0).all()
    assert FIRST_DAY < start[0] < FIRST_DAY + DAY_S
    assert FIRST_DAY + (DAYS - 1) * DAY_S < start[-1] < FIRST_DAY + DAYS * DAY_S
    assert set(week_of(start)) == set(range(WEEKS))
    assert np.bincount(hour_of(start)).min() > 1_000


def test_more_sessions_than_there_is_room_for_are_refused() -> None:
    rng = np.random.default_rng(6)
    with pytest.raises(ValueError, match="at most 547 sessions a listener, got 600"):
        draw_starts(draw_listeners(1, np.arange(20), rng), 600, rng)


def test_lengths_lie_between_three_and_forty() -> None:
    lengths = draw_lengths(20_000, np.random.default_rng(2))
    assert lengths.min() == 3
    assert lengths.max() == 40
    assert 13 < lengths.mean() < 14.5
