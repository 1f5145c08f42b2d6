"""The data sets quality is measured on: the published splits, the demo, and anybody's own."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from app.dataset.folder import Sessions, write_dataset
from app.domain.catalogue import Catalogue, Track
from benchmarks.quality_data import DATA, Absent, known_as, load

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


def test_a_folder_that_was_imported_is_measured_by_its_newest_tenth(tmp_path: Path) -> None:
    catalogue = Catalogue([Track(f"t{row}", f"Title {row}", "Artist") for row in range(9)])
    sessions = Sessions(np.arange(60, dtype=np.int32) % 9, np.arange(0, 61, 3), np.zeros(60, np.int64))
    write_dataset(tmp_path / "mine", catalogue, sessions, {})
    measured = load(str(tmp_path / "mine"))
    assert (measured.name, len(measured.training.sessions), len(measured.test)) == ("mine", 18, 2)
    assert measured.test.tracks.tolist() == [0, 1, 2, 3, 4, 5]
    assert measured.seen_only


def test_a_published_split_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    """Every target counts, those the training sessions do not hold too; empty lines are no sessions."""
    for part, text in (("train", "a b c\nb c\n\n"), ("test", "c d\n")):
        with gzip.open(tmp_path / f"{part}.sessions.txt.gz", "wt", encoding="utf-8") as file:
            file.write(text)
    measured = load(str(tmp_path))
    assert [track.track_id for track in measured.training.catalogue] == ["a", "b", "c", "d"]
    assert (len(measured.training.sessions), measured.test.tracks.tolist()) == (2, [2, 3])
    assert not measured.seen_only


def test_a_table_of_ones_own_is_put_in_time_order(tmp_path: Path) -> None:
    rows = [f"{session}\t{1000 - session}\tArtist\tTitle {session}" for session in range(10)]
    file = tmp_path / "radio.tsv.gz"
    with gzip.open(file, "wt", encoding="utf-8") as text:
        text.write("\n".join(["session_id\ttime\tartist\ttitle", *rows]))
    measured = load(str(file))
    assert (measured.name, known_as(str(file))) == ("radio", "radio")
    assert measured.test.tracks.tolist() == [0]


def test_a_place_without_a_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(Absent, match="found nothing there"):
        load(str(tmp_path / "none"))
    with pytest.raises(Absent, match="or what `segue import` makes, in"):
        load(str(tmp_path))
