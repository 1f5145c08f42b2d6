"""Evidence against what a person would count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rnn.evidence import CHANNELS, HEARD, Evidence, gather, heard_rows
from app.rnn.neighbours import VOTES, NeighbourSettings, nearest, votes
from tests.rnn.memories import V, drawn_sessions, histories, memory_of


def evidence_of(sessions: list[list[int]], *heard: tuple[int, ...]) -> Evidence:
    return gather(memory_of(sessions), heard_rows(list(heard)), NeighbourSettings())


def shares_of(evidence: Evidence, channel: str, request: int = 0) -> dict[int, float]:
    own = evidence.requests == request
    shares = evidence.shares[CHANNELS.index(channel)][own].tolist()
    return {row: share for row, share in zip(evidence.rows[own].tolist(), shares, strict=True) if share}


def test_what_was_heard_is_the_newest_end() -> None:
    rows = heard_rows([(), (7, 8), tuple(range(HEARD + 3))])
    assert rows.shape == (3, HEARD)
    assert (rows[0] == -1).all()
    assert rows[1, -3:].tolist() == [-1, 7, 8]
    assert rows[2].tolist() == list(range(3, HEARD + 3))


def test_transitions_are_counted_from_both_ends() -> None:
    evidence = evidence_of([[1, 2], [1, 2], [1, 3], [4, 1], [5, 6]], (5, 1))
    follows = shares_of(evidence, "follows the last")
    assert follows.keys() == {2, 3}
    assert np.isclose(follows[2], 2 / 3)
    assert shares_of(evidence, "leads to the last") == {4: 1.0}
    assert shares_of(evidence, "follows the one before") == {6: 1.0}


def test_copies_know_how_long_ago_and_how_often() -> None:
    evidence = evidence_of([[9, 10]], (3, 4, 3, 5))
    copies = {
        row: (back, times)
        for row, back, times in zip(
            evidence.rows.tolist(), evidence.back.tolist(), evidence.times.tolist(), strict=True
        )
        if back >= 0
    }
    assert copies == {3: (1, 2), 4: (2, 1), 5: (0, 1)}


@pytest.mark.parametrize("silent", ["neighbours", "transitions", "repeats"])
def test_who_is_not_to_speak_says_nothing_and_the_others_what_they_say(silent: str) -> None:
    memory, heard = memory_of([[1, 2, 3], [1, 2], [4, 1, 5], [3, 1, 2]]), heard_rows([(3, 1, 3, 2)])
    whole, less = (gather(memory, heard, NeighbourSettings(**chosen)) for chosen in ({}, {silent: False}))
    own = {"neighbours": VOTES, "transitions": CHANNELS[len(VOTES) :], "repeats": ()}[silent]
    for channel in CHANNELS:
        assert shares_of(whole, channel)
        assert shares_of(less, channel) == ({} if channel in own else shares_of(whole, channel))
    assert (less.back >= 0).any() == (silent != "repeats")


def test_nothing_heard_is_no_evidence() -> None:
    evidence = evidence_of([[1, 2]], (), (1,))
    assert evidence.begun.tolist() == [False, True]
    assert set(evidence.requests.tolist()) == {1}


@given(st.integers(0, 2**32), histories())
@settings(max_examples=40, deadline=None)
def test_shares_add_up_to_one_and_follow_the_votes(seed: int, heard: list[tuple[int, ...]]) -> None:
    memory = memory_of(drawn_sessions(seed))
    evidence = gather(memory, heard_rows(heard), NeighbourSettings())
    keys = evidence.requests * V + evidence.rows
    assert (np.diff(keys) > 0).all()
    for channel in evidence.shares:
        sums = np.bincount(evidence.requests, channel, len(heard))
        assert ((np.abs(sums - 1) < 1e-4) | (sums == 0)).all()
    requests, rows, amounts = votes(
        memory, nearest(memory, heard_rows(heard), NeighbourSettings()), NeighbourSettings()
    )
    anywhere = np.zeros((len(heard), V))
    np.add.at(anywhere, (requests, rows), amounts[0])
    expected = anywhere / np.maximum(anywhere.sum(1, keepdims=True), 1e-9)
    found = np.zeros_like(anywhere)
    found[evidence.requests, evidence.rows] = evidence.shares[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@given(st.integers(0, 2**32), histories())
@settings(max_examples=30, deadline=None)
def test_a_batch_gathers_what_its_singles_gather(seed: int, heard: list[tuple[int, ...]]) -> None:
    memory = memory_of(drawn_sessions(seed))
    together = gather(memory, heard_rows(heard), NeighbourSettings())
    for number, tracks in enumerate(heard):
        alone = gather(memory, heard_rows([tracks]), NeighbourSettings())
        own = together.requests == number
        assert np.array_equal(together.rows[own], alone.rows)
        np.testing.assert_allclose(together.shares[:, own], alone.shares, rtol=1e-6)
        np.testing.assert_allclose(together.context[number], alone.context[0], rtol=1e-6)
