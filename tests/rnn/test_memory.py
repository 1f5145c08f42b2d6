"""A memory against plain loops over the sessions it remembers."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app.rnn.memory as memory_module
from app.errors import CorruptCheckpoint
from app.rnn.memory import PIECE, STRIDE, Memory, ranges
from tests.rnn.memories import V, flat, memory_of

SESSIONS = st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=150), min_size=1, max_size=8)


def pieces_of(sessions: list[list[int]]) -> list[list[int]]:
    pieces = []
    for session in sessions:
        first = 0
        while True:
            pieces.append(session[first : first + PIECE])
            if first + PIECE >= len(session):
                break
            first += STRIDE
    return pieces


@given(SESSIONS)
@settings(max_examples=40, deadline=None)
def test_a_memory_is_what_loops_over_the_sessions_find(sessions: list[list[int]]) -> None:
    memory = memory_of(sessions)
    pieces = pieces_of(sessions)
    starts = memory.piece_starts
    assert [memory.tracks[starts[p] : starts[p + 1]].tolist() for p in range(memory.pieces)] == pieces
    followers = Counter(pair for session in sessions for pair in pairwise(session))
    for track in range(V):
        held = slice(*memory.holder_starts[track : track + 2])
        expected = [
            (number, max(at for at, other in enumerate(piece) if other == track))
            for number, piece in enumerate(pieces)
            if track in piece
        ]
        found = list(zip(memory.holders[held].tolist(), memory.holder_positions[held].tolist(), strict=True))
        assert found == expected
        assert memory.rarities[track] == pytest.approx(log(len(pieces) / max(len(expected), 1)), abs=1e-6)
        after = slice(*memory.follower_starts[track : track + 2])
        counted = dict(zip(memory.followers[after].tolist(), memory.follower_counts[after].tolist(), strict=True))
        assert counted == {second: n for (first, second), n in followers.items() if first == track}
        before = slice(*memory.leader_starts[track : track + 2])
        counted = dict(zip(memory.leaders[before].tolist(), memory.leader_counts[before].tolist(), strict=True))
        assert counted == {first: n for (first, second), n in followers.items() if second == track}
    plays = np.bincount(np.concatenate(sessions).astype(int), minlength=V)
    np.testing.assert_allclose(np.expm1(memory.plays), plays, atol=1e-4)


def test_only_the_newest_holders_are_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "HOLDERS", 3)
    memory = memory_of([[0, 1], [0], [2, 0], [0], [0]])
    assert memory.holders[: memory.holder_starts[1]].tolist() == [2, 3, 4]
    assert memory.rarities[0] == 0.0


def test_the_newest_tenth_is_counted_apart_and_ages_run_to_0() -> None:
    memory = memory_of([*[[0, 0]] * 9, [1, 0]])
    assert np.expm1(memory.newest_plays[:2]).tolist() == pytest.approx([1, 1])
    assert memory.piece_ages[[0, -1]].tolist() == [1.0, 0.0]


def test_a_memory_of_nothing_is_a_memory() -> None:
    memory = memory_of([])
    assert memory.pieces == 0
    assert Memory.from_arrays(memory.arrays()).catalogue_size == V


def test_arrays_and_back() -> None:
    memory = Memory.of(*flat([[1, 2, 3], [2, 3]]), V)
    again = Memory.from_arrays(memory.arrays())
    for name, array in memory.arrays().items():
        assert np.array_equal(array, again.arrays()[name])


def test_arrays_that_do_not_fit_are_refused() -> None:
    memory = memory_of([[1, 2, 3], [2, 3]])
    beyond = memory.tracks.copy()
    beyond[0] = V
    for wrong in (replace(memory, tracks=beyond), replace(memory, plays=memory.plays[1:])):
        with pytest.raises(CorruptCheckpoint, match="arrays of one memory"):
            Memory.from_arrays(wrong.arrays())
    with pytest.raises(CorruptCheckpoint, match="holders"):
        Memory.from_arrays({name: array for name, array in memory.arrays().items() if name != "holders"})


def test_ranges_in_a_row() -> None:
    owners, numbers = ranges(np.array([5, 2, 7]), np.array([7, 2, 10]))
    assert owners.tolist() == [0, 0, 2, 2, 2]
    assert numbers.tolist() == [5, 6, 7, 8, 9]
