from pathlib import Path

import numpy as np
import pytest

from app.dataset.folder import open_dataset
from app.demo.catalogue import demo_catalogue, part_of
from app.demo.dataset import demo_dataset, demo_sessions
from app.errors import InvalidRequest


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        demo_dataset(tmp_path / name, seed=3, sessions=200, tracks=300)
    for file in ("tracks.parquet", "events.parquet", "dataset.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_another_seed_gives_other_sessions(tmp_path: Path) -> None:
    one = demo_dataset(tmp_path / "one", seed=3, sessions=200, tracks=300)
    two = demo_dataset(tmp_path / "two", seed=4, sessions=200, tracks=300)
    assert one.fingerprint != two.fingerprint


def test_the_draws_are_the_same_on_every_machine() -> None:
    """Strengths are whole numbers, so no last bit decides; a change of these is a change of the demo data."""
    sessions = demo_sessions(part_of(demo_catalogue(), 200), seed=1, sessions=20)
    assert sessions[1].tolist() == [168, 173, 47, 156, 48, 170]
    assert sessions[2].tolist() == [89, 76, 90, 86, 94, 92]


def test_what_was_written_opens_and_says_that_it_is_generated(tmp_path: Path) -> None:
    written = demo_dataset(tmp_path / "demo", sessions=200, tracks=300)
    opened = open_dataset(tmp_path / "demo")
    assert opened.fingerprint == written.fingerprint
    assert opened.summary["generated"] is True
    assert opened.summary["sessions"] == len(opened.sessions) == 200
    assert opened.summary["tracks"] == len(opened.catalogue) == 300
    first = opened.sessions.times[opened.sessions.offsets[:-1]]
    assert (np.diff(first) >= 0).all()


@pytest.mark.parametrize(("sessions", "tracks"), [(0, 300), (10, 99), (10, 1_000_000)])
def test_sizes_that_cannot_be_are_refused(tmp_path: Path, sessions: int, tracks: int) -> None:
    with pytest.raises(InvalidRequest, match="at least 1 session and 100 to"):
        demo_dataset(tmp_path / "demo", sessions=sessions, tracks=tracks)
    assert not (tmp_path / "demo").exists()


def test_a_single_session_is_a_data_set_too(tmp_path: Path) -> None:
    assert len(demo_dataset(tmp_path / "demo", sessions=1, tracks=100).sessions) == 1
