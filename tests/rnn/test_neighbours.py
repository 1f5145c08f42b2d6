"""Neighbours and their votes against a plain reading of the definition."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.rnn.evidence import heard_rows
from app.rnn.neighbours import NeighbourSettings, most_of_each, nearest, votes, without_repeats
from tests.rnn.memories import drawn_sessions, histories, memory_of

Votes = dict[tuple[int, int], NDArray[np.float64]]
SEARCHES = st.sampled_from(
    [
        NeighbourSettings(),
        NeighbourSettings(count=7, decay=0.6, recency=2.0, length=0.5),
        NeighbourSettings(steps=3, rarity=0.5, recency=0.0, length=0.0, nearness=0.5),
    ]
)


def naive(sessions: list[list[int]], heard: tuple[int, ...], search: NeighbourSettings) -> list[tuple[int, float]]:
    """Return (session, similarity) of the neighbours; sessions are short enough to be one piece each."""
    backs: dict[int, int] = {}
    for back, track in enumerate(heard[::-1][: search.steps]):
        backs.setdefault(track, back)
    found = []
    for number, session in enumerate(sessions):
        similarity = 0.0
        for track, back in backs.items():
            if track in session:
                holders = sum(track in other for other in sessions)
                similarity += search.decay**back * log(len(sessions) / holders) ** search.rarity
        if backs.keys() & set(session):
            age = 1 - number / max(len(sessions) - 1, 1)
            found.append((number, similarity * exp(-search.recency * age) / len(session) ** search.length))
    return sorted(sorted(found, key=lambda entry: (-entry[1], -entry[0]))[: search.count])


def naive_votes(sessions: list[list[int]], heard: tuple[int, ...], search: NeighbourSettings) -> dict[int, list[float]]:
    sums: dict[int, list[float]] = {}
    newest_first = heard[::-1][: search.steps]
    for number, similarity in naive(sessions, heard, search):
        session = sessions[number]
        back = next(back for back, track in enumerate(newest_first) if track in session)
        shared = max(at for at, track in enumerate(session) if track == newest_first[back])
        for at, track in enumerate(session):
            if (away := at - shared) != 0:
                near = similarity * search.nearness ** (abs(away) - 1)
                new = [
                    similarity,
                    similarity * (away == 1),
                    near * (away > 0),
                    near * (away < 0),
                    similarity * search.nearness ** abs(away - back - 1),
                ]
                sums[track] = [old + more for old, more in zip(sums.get(track, [0.0] * 5), new, strict=True)]
    return sums


@given(st.integers(0, 2**32), histories(), SEARCHES)
@settings(max_examples=60, deadline=None)
def test_neighbours_and_votes_are_those_of_the_definition(
    seed: int, heard: list[tuple[int, ...]], search: NeighbourSettings
) -> None:
    sessions = drawn_sessions(seed)
    memory = memory_of(sessions)
    found = nearest(memory, heard_rows(heard), search)
    requests, rows, amounts = votes(memory, found, search)
    for number, tracks in enumerate(heard):
        expected = naive(sessions, tracks, search)
        own = found.requests == number
        # Of neighbours that tie at the border another one of the same similarity may be taken.
        similarities = sorted(similarity for _, similarity in expected)
        assert sorted(found.similarities[own].tolist()) == pytest.approx(similarities, rel=1e-5, abs=1e-6)
        if found.pieces[own].tolist() != [piece for piece, _ in expected]:
            continue
        sums: dict[int, NDArray[np.float64]] = {}
        for row, amount in zip(rows[requests == number].tolist(), amounts[:, requests == number].T, strict=True):
            sums[row] = sums.get(row, np.zeros(5)) + amount
        by_definition = naive_votes(sessions, tracks, search)
        assert sums.keys() == by_definition.keys()
        for row, total in sums.items():
            np.testing.assert_allclose(total, by_definition[row], rtol=1e-5, atol=1e-5)


@given(st.integers(0, 2**32), histories(), SEARCHES)
@settings(max_examples=30, deadline=None)
def test_a_batch_finds_what_its_singles_find(
    seed: int, heard: list[tuple[int, ...]], search: NeighbourSettings
) -> None:
    memory = memory_of(drawn_sessions(seed))
    together = nearest(memory, heard_rows(heard), search)
    for number, tracks in enumerate(heard):
        alone = nearest(memory, heard_rows([tracks]), search)
        own = together.requests == number
        for name in ("pieces", "similarities", "positions", "back"):
            assert np.array_equal(getattr(together, name)[own], getattr(alone, name)), name


def test_nobody_heard_anything() -> None:
    memory = memory_of(drawn_sessions(1))
    found = nearest(memory, heard_rows([(), ()]), NeighbourSettings())
    assert len(found.requests) == 0
    assert votes(memory, found, NeighbourSettings())[2].shape == (5, 0)


def test_a_vote_knows_where_its_track_stood() -> None:
    """Of the session 5 6 7 8 a listener at 6 sees 7 come right after, 8 after, and 5 before."""
    memory = memory_of([[5, 6, 7, 8], [1]])
    search = NeighbourSettings(recency=0.0, length=0.0)
    _, rows, amounts = votes(memory, nearest(memory, heard_rows([(6,)]), search), search)
    similarity = log(2)
    assert rows.tolist() == [5, 7, 8]
    expected = np.array([[1, 1, 1], [0, 1, 0], [0, 1, 0.7], [1, 0, 0], [0.7**2, 1, 0.7]], np.float64)
    np.testing.assert_allclose(amounts / similarity, expected, rtol=1e-6)


def test_the_newest_of_repeated_tracks_counts() -> None:
    assert without_repeats(np.array([[3, 4, 3, -1, -1]])).tolist() == [[True, True, False, False, False]]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 1.0, 2.0])), max_size=30).map(sorted), st.integers(1, 6)
)
def test_the_most_of_each_owner_are_kept_later_ones_of_equals(entries: list[tuple[int, float]], most: int) -> None:
    owners, values = np.array([o for o, _ in entries], np.int64), np.array([v for _, v in entries])
    kept = set(most_of_each(owners, values, most, 4).tolist())
    for owner in range(4):
        own = [number for number, entry in enumerate(entries) if entry[0] == owner]
        assert kept & set(own) == set(sorted(own, key=lambda number: (-values[number], -number))[:most])
