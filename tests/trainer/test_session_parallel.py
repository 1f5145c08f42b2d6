"""Session-parallel mini-batches: every event once, in order, each session alone in its lane."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import NothingToLearn
from app.rnn.network import PADDING
from app.trainer.batches import Batch
from app.trainer.session_parallel import SessionParallel
from tests.listening import sessions_of
from tests.trainer.playlists import playlists


def test_the_next_session_takes_the_lane_that_is_free_first() -> None:
    """The example of the module's own page, in whatever order the sessions come."""
    reader = SessionParallel(sessions_of([1, 2, 3], [4, 5], [6, 7]), 2)
    steps = [reader.batch(events) for events in reader.epoch(0, 0)]
    assert len(steps) in {2, 3}
    read = [row for step in steps for row in step.inputs[:, 0].tolist() if row != PADDING]
    assert sorted(read) == [1, 2, 4, 6]


def sessions_read(steps: list[Batch]) -> list[list[int]]:
    """Follow each lane; return the sessions as the lanes told them."""
    found: list[list[int]] = []
    for lane in range(steps[0].inputs.shape[0]):
        for step in steps:
            heard, target = int(step.inputs[lane, 0]), int(step.targets[lane, 0])
            assert step.begins is not None
            if heard == PADDING:
                assert target == PADDING
                assert not step.begins[lane]
            elif step.begins[lane]:
                found.append([heard, target])
            else:
                assert found[-1][-1] == heard
                found[-1].append(target)
    return found


@given(playlists(9), st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_the_lanes_tell_every_session_once(heard: list[list[int]], lanes: int, epoch: int) -> None:
    expected = sorted(session for session in heard if len(session) > 1)
    if not expected:
        return
    reader = SessionParallel(sessions_of(*heard), lanes)
    steps = [reader.batch(events) for events in reader.epoch(5, epoch)]
    assert sorted(sessions_read(steps)) == expected
    assert sum(int((step.targets != PADDING).sum()) for step in steps) == reader.events


def test_no_lane_waits_while_sessions_are_left() -> None:
    reader = SessionParallel(sessions_of(*[[1, 2, 3, 4]] * 6, *[[5, 6]] * 6), 4)
    steps = [reader.batch(events) for events in reader.epoch(1, 0)]
    full = [bool((step.inputs != PADDING).all()) for step in steps]
    assert full == sorted(full, reverse=True)
    assert sum(full) >= 4


def test_an_epoch_is_the_same_for_the_same_seed_only() -> None:
    reader = SessionParallel(sessions_of(*([row, row + 1] for row in range(40))), 4)
    again = SessionParallel(sessions_of(*([row, row + 1] for row in range(40))), 4)
    np.testing.assert_array_equal(reader.epoch(3, 1), again.epoch(3, 1))
    assert not np.array_equal(reader.epoch(3, 1), reader.epoch(3, 2))
    assert not np.array_equal(reader.epoch(3, 1), reader.epoch(4, 1))


def test_sessions_of_one_track_teach_nothing() -> None:
    with pytest.raises(NothingToLearn, match="at least two tracks to learn from, got 2 shorter"):
        SessionParallel(sessions_of([3], [4]), 2)
