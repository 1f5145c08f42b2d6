"""A data set is whole or not there, and says so when it was changed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataset.folder import EVENTS_FILE, MANIFEST_FILE, TRACKS_FILE, Sessions, open_dataset, write_dataset
from app.domain.catalogue import Catalogue, Track
from app.errors import InvalidDataset

CATALOGUE = Catalogue([Track("a", "A", "x"), Track("b", "B", "y", year=1990)])


def sessions_of(*sessions: list[int]) -> Sessions:
    tracks = [track for session in sessions for track in session]
    offsets = np.cumsum([0, *(len(session) for session in sessions)])
    return Sessions(np.array(tracks, np.int32), offsets.astype(np.int64), np.arange(len(tracks), dtype=np.int64))


def test_a_written_data_set_is_read_back(tmp_path: Path) -> None:
    sessions = sessions_of([0, 1], [1, 1, 0])
    written = write_dataset(tmp_path / "d", CATALOGUE, sessions, {"events": 5})
    opened = open_dataset(tmp_path / "d")
    assert list(opened.catalogue) == list(CATALOGUE)
    assert [opened.sessions[i].tolist() for i in range(len(opened.sessions))] == [[0, 1], [1, 1, 0]]
    assert opened.sessions.times.tolist() == [0, 1, 2, 3, 4]
    assert (opened.summary, opened.fingerprint) == ({"events": 5}, written.fingerprint)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_the_fingerprint_is_of_tracks_and_events_alone(tmp_path: Path) -> None:
    one = write_dataset(tmp_path / "1", CATALOGUE, sessions_of([0, 1]), {"a": 1})
    same = write_dataset(tmp_path / "2", CATALOGUE, sessions_of([0, 1]), {"a": 2})
    other = write_dataset(tmp_path / "3", CATALOGUE, sessions_of([1, 0]), {"a": 1})
    retitled = Catalogue([Track("a", "A!", "x"), CATALOGUE[1]])
    renamed = write_dataset(tmp_path / "4", retitled, sessions_of([0, 1]), {"a": 1})
    worded = Catalogue([replace(CATALOGUE[0], explicit=False), CATALOGUE[1]])
    clean = write_dataset(tmp_path / "5", worded, sessions_of([0, 1]), {"a": 1})
    assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint, other.fingerprint, renamed.fingerprint, clean.fingerprint}) == 4
    assert list(open_dataset(tmp_path / "5").catalogue) == list(worded)
    # As it was before explicit words were known: what was learned under it is still known by it.
    assert one.fingerprint.startswith("9ac56253c845")


def test_an_earlier_data_set_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", CATALOGUE, sessions_of([0, 1]), {})
    write_dataset(tmp_path / "d", CATALOGUE, sessions_of([1, 1]), {})
    assert open_dataset(tmp_path / "d").sessions[0].tolist() == [1, 1]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(InvalidDataset, match="something else"):
        write_dataset(tmp_path / "home", CATALOGUE, sessions_of([0, 1]), {})
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", CATALOGUE, sessions_of([0, 1]), {"kept": True})
    with pytest.raises(TypeError):
        write_dataset(tmp_path / "d", CATALOGUE, sessions_of([1, 1]), {"no JSON": object()})
    assert open_dataset(tmp_path / "d").summary == {"kept": True}
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_missing_or_changed_file_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    with pytest.raises(InvalidDataset, match="segue import"):
        open_dataset(folder)
    write_dataset(folder, CATALOGUE, sessions_of([0, 1]), {})
    whole = {name: (folder / name).read_bytes() for name in (TRACKS_FILE, EVENTS_FILE, MANIFEST_FILE)}

    def damaged(name: str, content: bytes | None) -> None:
        for other, data in whole.items():
            (folder / other).write_bytes(data)
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)

    for name in (TRACKS_FILE, EVENTS_FILE):
        damaged(name, None)
        with pytest.raises(InvalidDataset, match="found nothing"):
            open_dataset(folder)
        damaged(name, whole[name][:-20])
        with pytest.raises(InvalidDataset, match="cannot be read"):
            open_dataset(folder)
    manifest = json.loads(whole[MANIFEST_FILE])
    for content, complaint in (
        (b"{", "damaged"),
        (json.dumps(manifest | {"format_version": 99}).encode(), "got 99"),
        (json.dumps(manifest | {"fingerprint": "0"}).encode(), "was changed"),
    ):
        damaged(MANIFEST_FILE, content)
        with pytest.raises(InvalidDataset, match=complaint):
            open_dataset(folder)
    damaged(MANIFEST_FILE, whole[MANIFEST_FILE])
    pq.write_table(pa.table({"session": [0, 0], "track": [0, 7], "time": [0, 0]}), folder / EVENTS_FILE)
    with pytest.raises(InvalidDataset, match="does not hold"):
        open_dataset(folder)


_sessions = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=5), max_size=8).map(lambda s: sessions_of(*s))


@given(_sessions, st.floats(0, 1))
def test_a_split_loses_nothing_and_its_second_part_is_newest(sessions: Sessions, share: float) -> None:
    old, new = sessions.split(share)
    assert len(new) == round(len(sessions) * share)
    parts = [*(old[i].tolist() for i in range(len(old))), *(new[i].tolist() for i in range(len(new)))]
    assert parts == [sessions[i].tolist() for i in range(len(sessions))]
    assert [*old.times, *new.times] == [*sessions.times]


@given(_sessions, st.data())
def test_selected_sessions_come_in_the_order_asked_for(sessions: Sessions, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(sessions) - 1), max_size=6) if len(sessions) else st.just([]))
    chosen = sessions.select(np.array(rows, np.int64))
    assert [chosen[i].tolist() for i in range(len(chosen))] == [sessions[row].tolist() for row in rows]
    mask = np.isin(np.arange(len(sessions)), rows)
    assert len(sessions.select(mask)) == len(set(rows))


def test_impossible_sessions_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        sessions_of([0], [])
    with pytest.raises(ValueError, match="offsets from 0 to 1"):
        Sessions(np.zeros(1, np.int32), np.array([0, 2]), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="share"):
        sessions_of([0]).split(2)
    with pytest.raises(IndexError, match="from 0 to 0"):
        sessions_of([0])[1]
