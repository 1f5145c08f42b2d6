"""Which tracks are targets."""

import numpy as np
from hypothesis import given

from app.trainer.targets import Targets, play_counts
from tests.listening import sessions_of
from tests.trainer.playlists import playlists


def test_every_track_but_the_first_is_a_target() -> None:
    targets = Targets.of(sessions_of([7, 8, 9], [4], [5, 6]))
    assert targets.tracks.tolist() == [8, 9, 6]
    assert targets.previous.tolist() == [7, 8, 5]
    assert targets.session.tolist() == [0, 0, 2]
    assert targets.position.tolist() == [1, 2, 1]


def test_no_sessions_have_no_targets() -> None:
    assert len(Targets.of(sessions_of())) == 0


@given(playlists(9))
def test_targets_are_those_of_a_plain_loop(heard: list[list[int]]) -> None:
    expected = [
        (playlist[t], playlist[t - 1], s, t) for s, playlist in enumerate(heard) for t in range(1, len(playlist))
    ]
    targets = Targets.of(sessions_of(*heard))
    columns = (targets.tracks, targets.previous, targets.session, targets.position)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected


def test_plays_are_counted_for_the_whole_catalogue() -> None:
    assert play_counts(sessions_of([1, 1], [3]), 5).tolist() == [0, 2, 0, 1, 0]
    assert play_counts(sessions_of(), 2).dtype == np.int64
