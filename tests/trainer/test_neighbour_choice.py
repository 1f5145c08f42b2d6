"""The choice of how to search past sessions, on sessions that leave no doubt."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.rnn.evidence import heard_rows
from app.rnn.memory import Memory
from app.rnn.neighbours import NeighbourSettings
from app.trainer.neighbour_choice import choose_neighbours, neighbour_goodness

V = 60


def memory_of(*sessions: list[int]) -> Memory:
    tracks = np.array([track for session in sessions for track in session], np.int32)
    return Memory.of(tracks, np.cumsum([0, *map(len, sessions)]).astype(np.int64), V)


def drifting(count: int) -> tuple[list[list[int]], NDArray[np.int64], NDArray[np.int64]]:
    """Sessions in which what follows changes with time: track t was followed by t + 1, lately by t + 2."""
    generator = np.random.default_rng(3)
    sessions = []
    for number in range(count):
        step = 1 if number < count // 2 else 2
        first = generator.integers(V)
        sessions.append([int((first + step * n) % V) for n in range(5)])
    heard, targets = heard_rows([(track,) for track in range(V)]), (np.arange(V) + 2) % V
    return sessions, heard, targets


def test_foreseeing_everything_is_worth_three() -> None:
    memory = memory_of([1, 2], [3, 4], [5, 6])
    assert neighbour_goodness(memory, heard_rows([(1,), (3,)]), np.array([2, 4]), NeighbourSettings()) == 3.0


def test_ties_count_against_and_what_nobody_speaks_for_is_lost() -> None:
    memory = memory_of([1, 2, 9], [1, 3, 9], [5, 6])
    search = NeighbourSettings(recency=0.0)
    found = neighbour_goodness(memory, heard_rows([(1,), (1,), ()]), np.array([2, 50, 1]), search)
    # 9 has two votes; 2 and 3 tie for the second place and share the worse one, 9 being voted for by both.
    assert found == pytest.approx((1 + 2 / 3) / 3)


def test_the_chosen_are_no_worse_than_the_first_guess() -> None:
    sessions, heard, targets = drifting(400)
    memory = memory_of(*sessions)
    tried: list[tuple[int, int]] = []
    chosen = choose_neighbours(memory, heard, targets, lambda done, of: tried.append((done, of)))
    first = neighbour_goodness(memory, heard, targets, NeighbourSettings())
    assert neighbour_goodness(memory, heard, targets, chosen) >= first
    assert tried[-1] == (len(tried), len(tried))


def test_where_taste_changes_the_new_counts_more() -> None:
    sessions, heard, targets = drifting(400)
    memory = memory_of(*sessions)
    lately, always = (
        neighbour_goodness(memory, heard, targets, NeighbourSettings(recency=recency)) for recency in (2.0, 0.0)
    )
    assert lately > always
