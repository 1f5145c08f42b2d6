"""Batches: every target once, nothing invented, the same for the same seed."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import NothingToLearn
from app.rnn.network import PADDING
from app.trainer.batches import Batches, in_order
from tests.listening import sessions_of

Playlists = list[list[int]]
playlists = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=15)


def test_sessions_side_by_side() -> None:
    """The example of the module's own page."""
    batches = Batches(sessions_of([7, 8, 9], [5, 6]), 100, 50, learn_start=True)
    batch = batches.batch(np.array([0, 1]))
    assert batch.inputs.tolist() == [[-1, 7, 8], [-1, 5, -1]]
    assert batch.targets.tolist() == [[7, 8, 9], [5, 6, -1]]


def test_without_the_start() -> None:
    batch = Batches(sessions_of([7, 8, 9]), 100, 50, learn_start=False).batch(np.array([0]))
    assert (batch.inputs.tolist(), batch.targets.tolist()) == ([[7, 8]], [[8, 9]])


def test_a_long_session_is_cut_into_windows_that_read_on() -> None:
    """The last target of a window is what the next one reads first; nothing is asked twice."""
    batches = Batches(sessions_of([1, 2, 3, 4, 5]), 100, 3, learn_start=True)
    first, second = (batches.batch(np.array([window])) for window in (0, 1))
    assert (first.inputs.tolist(), first.targets.tolist()) == ([[-1, 1, 2, 3]], [[1, 2, 3, 4]])
    assert (second.inputs.tolist(), second.targets.tolist()) == ([[-1, 4]], [[-1, 5]])


def foretold(batches: Batches, epoch: int) -> Counter[tuple[int, int]]:
    """Count the (previous track, target) pairs of an epoch; a session's start is preceded by PADDING."""
    pairs: Counter[tuple[int, int]] = Counter()
    for windows in batches.epoch(1, epoch):
        batch = batches.batch(windows)
        asked = batch.targets != PADDING
        pairs.update(zip(batch.inputs[asked].tolist(), batch.targets[asked].tolist(), strict=True))
    return pairs


@given(playlists, st.integers(1, 30), st.integers(1, 6), st.booleans())
@settings(max_examples=80, deadline=None)
def test_every_target_is_asked_once_an_epoch(
    playlists: Playlists, batch_events: int, window: int, learn_start: bool
) -> None:
    expected: Counter[tuple[int, int]] = Counter()
    for playlist in playlists:
        expected.update(pairwise(playlist))
        expected.update([(PADDING, playlist[0])] if learn_start else [])
    if not expected:
        with pytest.raises(NothingToLearn):
            Batches(sessions_of(*playlists), batch_events, window, learn_start)
        return
    batches = Batches(sessions_of(*playlists), batch_events, window, learn_start)
    assert foretold(batches, 0) == foretold(batches, 5) == expected
    assert batches.events == expected.total()


def test_the_same_seed_and_epoch_give_the_same_batches_and_others_others() -> None:
    generator = np.random.default_rng(15)
    sessions = sessions_of(*[generator.integers(0, 9, size).tolist() for size in generator.integers(2, 9, 200)])

    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(Batches(sessions, 50, 50, True).epoch(seed, epoch)).tolist()  # type: ignore[no-any-return]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_sessions_of_like_length_lie_together() -> None:
    sessions = sessions_of(*[[0] * size for size in [*range(2, 40)] * 20])
    batches = Batches(sessions, 300, 50, learn_start=False)
    padded = sum(int((batches.batch(windows).targets == PADDING).sum()) for windows in batches.epoch(1, 0))
    assert padded / batches.events < 0.15


@given(playlists, st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_in_order_gives_every_session_once(playlists: Playlists, batch_events: int) -> None:
    found = {}
    for tracks, positions in in_order(sessions_of(*playlists), batch_events):
        for row, position in zip(tracks.tolist(), positions.tolist(), strict=True):
            found[position] = [track for track in row if track != PADDING]
    assert [found[position] for position in range(len(playlists))] == playlists


def test_newer_sessions_are_read_more_often() -> None:
    """Half as often for each quarter of the sessions that is newer, and epochs stay as long."""
    each = [[number, number] for number in range(400)]
    batches = Batches(sessions_of(*each), 50, 50, learn_start=False, half_life=0.25)
    read = Counter[int]()
    for epoch in range(40):
        windows = [batches.batch(rows) for rows in batches.epoch(1, epoch)]
        read.update(track for batch in windows for track in batch.targets[batch.targets != PADDING].tolist())
        assert sum(batch.targets.size for batch in windows) == pytest.approx(batches.events, rel=0.15)
    quarters = [sum(read[track] for track in range(first, first + 100)) for first in range(0, 400, 100)]
    for older, newer in pairwise(quarters):
        assert newer / older == pytest.approx(2, rel=0.1)
    assert len(read) == 400, "old ones come now and then"
    assert sum(read.values()) == pytest.approx(40 * batches.events, rel=0.02)


@given(
    playlists.filter(lambda drawn: any(len(playlist) > 1 for playlist in drawn)), st.floats(0.01, 4), st.integers(0, 9)
)
@settings(max_examples=50, deadline=None)
def test_no_epoch_is_empty_however_fast_the_old_is_forgotten(drawn: Playlists, half_life: float, epoch: int) -> None:
    batches = Batches(sessions_of(*drawn), 5, 4, learn_start=True, half_life=half_life)
    held = batches.epoch(3, epoch)
    assert held
    assert all(len(rows) for rows in held)
    again = batches.epoch(3, epoch)
    assert [rows.tolist() for rows in held] == [rows.tolist() for rows in again]
