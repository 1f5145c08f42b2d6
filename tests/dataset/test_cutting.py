"""Where sessions are cut and what is left out of them."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.dataset.cutting import CutRules, Runs, cut_sessions


def runs_of(*runs: list[tuple[int, int]], history: bool = True) -> Runs:
    """Make runs of (track, time)."""
    events = [(number, track, time) for number, run in enumerate(runs) for track, time in run]
    numbers, tracks, times = np.array(events, np.int64).reshape(-1, 3).T
    size = len(events)
    return Runs(numbers, tracks.astype(np.int32), times, np.arange(size), np.full(size, history))


def lists(runs: Runs, rules: CutRules) -> list[list[int]]:
    sessions = cut_sessions(runs, rules).sessions
    return [sessions[i].tolist() for i in range(len(sessions))]


def test_a_history_is_cut_where_silence_is_longer_than_the_gap() -> None:
    runs = runs_of([(1, 100), (2, 1900), (3, 3701), (4, 3702)])
    assert lists(runs, CutRules(idle_gap_s=1800)) == [[1, 2], [3, 4]]


def test_a_named_session_is_never_cut() -> None:
    assert lists(runs_of([(1, 100), (2, 999_999)], history=False), CutRules()) == [[1, 2]]


def test_sessions_stand_in_the_order_of_their_first_event() -> None:
    assert lists(runs_of([(1, 500), (2, 510)], [(3, 100), (4, 110)]), CutRules()) == [[3, 4], [1, 2]]


def test_sessions_without_times_stand_first_in_file_order() -> None:
    runs = runs_of([(1, 500), (2, 510)], [(3, 0), (4, 0)], [(5, 0), (6, 0)], history=False)
    assert lists(runs, CutRules()) == [[3, 4], [5, 6], [1, 2]]


def test_each_left_out_event_has_a_reason() -> None:
    runs = runs_of([(1, 1), (1, 2), (2, 3), (1, 4)], [(3, 5)], [(1, 9), (2, 9)], history=False)
    cut = cut_sessions(runs, CutRules(min_support=2, drop_repeats=True))
    assert cut.sessions.tracks.tolist() == [1, 2, 1, 1, 2]
    assert cut.dropped == {"consecutive repeat of a track": 1, "track in fewer than 2 events": 1}


_runs = st.lists(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9000)), min_size=1, max_size=8).map(
        lambda run: sorted(run, key=lambda event: event[1])
    ),
    min_size=1,
    max_size=6,
)


@given(_runs, st.booleans(), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_no_event_is_lost_and_the_rules_hold_for_what_is_left(
    runs: list[list[tuple[int, int]]], history: bool, length: int, support: int, drop_repeats: bool
) -> None:
    rules = CutRules(600, length, support, drop_repeats)
    cut = cut_sessions(runs_of(*runs, history=history), rules)
    sessions = [cut.sessions[i].tolist() for i in range(len(cut.sessions))]
    assert sum(map(len, runs)) == sum(map(len, sessions)) + sum(cut.dropped.values())
    tracks = [track for session in sessions for track in session]
    assert all(len(session) >= length for session in sessions)
    assert all(tracks.count(track) >= support for track in tracks)
    if drop_repeats:
        assert all(one != two for session in sessions for one, two in pairwise(session))
    starts = [int(cut.sessions.times[at]) for at in cut.sessions.offsets[:-1]]
    assert starts == sorted(starts)
