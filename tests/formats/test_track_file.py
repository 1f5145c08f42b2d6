import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.catalogue import Track
from app.domain.spelling import derived_id
from app.errors import UnreadableSource
from app.formats.track_file import read_tracks

FULL = Track(
    "q-1",
    "Face It Alone",
    "Queen",
    None,
    2022,
    "classic rock",
    ("piano", "heartbreak"),
    247,
    False,
    frozenset({"DE", "GB"}),
)
BARE = Track(derived_id("nobody yet\x1fdemo tape"), "Demo Tape", "Nobody Yet")


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "mark"), [("new.csv", ","), ("new.tsv", "\t")])
def test_a_table_is_read_with_the_columns_of_an_import(tmp_path: Path, name: str, mark: str) -> None:
    rows = [
        ("track_id", "artist", "title", "year", "genre", "tags", "duration_s", "explicit", "markets"),
        ("q-1", "Queen", "Face It Alone", "2022-10-13", "classic rock", "piano; heartbreak", "4:07", "no", "DE gb"),
        ("", "Nobody  Yet", "Demo Tape", "", "", "", "", "", ""),
    ]
    path = written(tmp_path, name, "".join(mark.join(row) + "\n" for row in rows))
    assert read_tracks(path) == [FULL, BARE]


def test_json_lines_may_each_have_other_keys(tmp_path: Path) -> None:
    lines = [
        {
            "track_id": "q-1",
            "artist": "Queen",
            "title": "Face It Alone",
            "year": 2022,
            "genre": "classic rock",
            "tags": ["piano", "heartbreak"],
            "duration_ms": 247_000,
            "explicit": False,
            "available_markets": ["GB", "DE"],
        },
        {"title": "Demo Tape", "artist": "Nobody Yet"},
    ]
    path = written(tmp_path, "new.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert read_tracks(path) == [FULL, BARE]


def test_parquet_is_read(tmp_path: Path) -> None:
    table = {"track_id": ["q-1"], "artist": ["Queen"], "title": ["Face It Alone"], "year": [2022]}
    facts = {
        "genre": ["classic rock"],
        "tags": [["piano", "heartbreak"]],
        "duration_s": [247],
        "explicit": [False],
        "markets": [["DE", "GB"]],
    }
    pq.write_table(pa.table({**table, **facts}), tmp_path / "new.parquet")
    assert read_tracks(tmp_path / "new.parquet") == [FULL]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("new.csv", "artist,title\nQueen,Radio Ga Ga\nQueen\n", "line 3 .*expected 2 columns, got 1"),
        ("new.csv", "artist,title\nQueen,Radio Ga Ga\nQueen,\n", "line 3 a track_id or a title, got neither"),
        ("new.csv", "artist,title\n", "at least one track"),
        ("new.csv", "artist,year\nQueen,1975\n", "track_id or title column"),
        ("new.m3u", "#EXTM3U\n#EXTINF:-1,Queen - Radio Ga Ga\na.mp3\n", "got the format m3u"),
    ],
)
def test_a_file_with_one_unusable_row_adds_nothing(tmp_path: Path, name: str, content: str, told: str) -> None:
    """It says which line, so that it can be corrected and given again."""
    with pytest.raises(UnreadableSource, match=told):
        read_tracks(written(tmp_path, name, content))
