"""The data sets quality is measured on: the published splits, and the demo."""

import numpy as np
import pytest

from benchmarks.quality_data import DATA, load

# The listening data may not be shipped: most of its sources state no terms.
present = pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the listening data at {DATA}")


@present
@pytest.mark.data
def test_the_set_lists_in_the_order_they_were_played() -> None:
    measured = load("gratefuldead")
    sessions = measured.training.sessions
    assert len(sessions) + len(measured.test) == 2076
    assert len(sessions.tracks) + len(measured.test.tracks) == 39774
    assert len(measured.training.catalogue) == 436
    rows = {track.title: row for row, track in enumerate(measured.training.catalogue)}
    first, then = rows["Help On The Way"], rows["Slipknot!"]
    followers = sessions.tracks[1:][sessions.tracks[:-1] == first]
    assert np.mean(followers == then) > 0.9


@present
@pytest.mark.data
@pytest.mark.slow
def test_the_published_split_of_nowplaying_whole() -> None:
    measured = load("nowplaying")
    assert (len(measured.training.sessions), len(measured.training.sessions.tracks)) == (128077, 953381)
    assert (len(measured.training.catalogue), len(measured.test)) == (60416, 14479)
    assert len(measured.test.tracks) - len(measured.test) == 89824
    assert not measured.seen_only


@present
@pytest.mark.data
def test_a_quick_look_takes_the_newest_sessions() -> None:
    whole, part = load("gratefuldead"), load("gratefuldead", 50)
    assert len(part.training.sessions) == 50
    assert part.training.sessions[49].tolist() == whole.training.sessions[len(whole.training.sessions) - 1].tolist()
    assert len(part.test) == 5
    assert part.training.fingerprint != whole.training.fingerprint


def test_the_demo_makes_its_own() -> None:
    measured = load("demo", 60)
    assert (len(measured.training.sessions), len(measured.test)) == (54, 6)
