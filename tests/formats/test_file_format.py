"""Every format is found by name and content, and read with its examples from the wild."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import InvalidRequest, UnreadableSource
from app.formats.columns import Layout
from app.formats.file_format import format_of
from app.formats.source import SourceFile

MPD = {
    "info": {"slice": "0-999"},
    "playlists": [
        {
            "name": "x",
            "pid": 7,
            "modified_at": 1493424000,
            "tracks": [
                {"pos": 1, "artist_name": "B", "track_uri": "spotify:track:2", "track_name": "b", "duration_ms": 2500},
                {
                    "pos": 2,
                    "track": {
                        "trackUri": "spotify:track:3",
                        "trackName": "c",
                        "explicit": True,
                        "available_markets": ["DE", "FR"],
                    },
                },
                {"pos": 0, "artist_name": "A", "track_uri": "spotify:track:1", "track_name": "a", "album_name": "z"},
            ],
        },
        "broken",
    ],
}
LISTEN = {
    "listened_at": 1600000000,
    "user_name": "rob",
    "track_metadata": {
        "artist_name": "Can",
        "track_name": "Halleluwah",
        "release_name": "Tago Mago",
        "additional_info": {"duration_ms": 1111000},
        "mbid_mapping": {"recording_mbid": "m1"},
    },
}
PLAY = {"endTime": "2023-01-01 10:00", "artistName": "Can", "trackName": "Halleluwah", "msPlayed": 200000}
AUDIO = {
    "ts": "2023-01-01T10:00:00Z",
    "ms_played": 31000,
    "master_metadata_track_name": "Halleluwah",
    "master_metadata_album_artist_name": "Can",
    "spotify_track_uri": "spotify:track:1",
}
EXAMPLES = [
    ("h.csv", "session_id,title\n1,x\n", "csv"),
    ("h.tsv", "session_id\ttitle\n1\tx\n", "tsv"),
    ("h.txt", "session_id\ttitle\n1\tx\n", "csv"),
    ("h.sessions.txt", "1 2 3\n", "sessions"),
    ("h.txt", "41 2\n3 4\n", "sessions"),
    ("h.m3u8", "x.mp3\n", "m3u"),
    ("h", "#EXTM3U\nx.mp3\n", "m3u"),
    ("h.jspf", json.dumps({"playlist": {"track": []}}), "jspf"),
    ("h.json", json.dumps({"playlist": {"track": []}}), "jspf"),
    ("h.jsonl", '{"session_id": 1, "title": "x"}\n', "jsonl"),
    ("h.tsv", "user_1\t2009-05-04T23:08:57Z\t\tCan\t\tHalleluwah\n", "lastfm"),
    ("mpd.slice.0-999.json", json.dumps(MPD), "million-playlist"),
    ("listens.json", json.dumps({"payload": {"listens": [LISTEN]}}), "listenbrainz"),
    ("1.jsonl", json.dumps(LISTEN) + "\n", "listenbrainz"),
    ("StreamingHistory0.json", json.dumps([PLAY]), "spotify"),
    ("Streaming_History_Audio_2023.json", json.dumps([AUDIO]), "spotify"),
]


@pytest.mark.parametrize(("name", "content", "expected"), EXAMPLES)
@pytest.mark.parametrize("zipped", [False, True])
def test_the_format_is_found(tmp_path: Path, name: str, content: str, expected: str, zipped: bool) -> None:
    path = tmp_path / (name + (".gz" if zipped else ""))
    path.write_bytes(gzip.compress(content.encode()) if zipped else content.encode())
    assert format_of(SourceFile(path)).name == expected


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.m3u", b"\n \n", "the file is empty"),
        ("a.csv", bytes(range(256)) * 9, "the file is binary"),
        ("a.parquet", b"session_id,title\n", "does not begin like one"),
        ("a.dat", b"lorem ipsum\n", "Say which with --format"),
        ("a.csv.gz", gzip.compress(b"session_id,title\n" * 99, mtime=0)[:-9], "cut short"),
    ],
)
def test_what_is_no_known_format_is_refused(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    source = SourceFile(path)
    with pytest.raises(UnreadableSource, match=complaint):
        list(format_of(source).read(source, Layout()))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match=r"no\.csv does not exist"):
        format_of(SourceFile(tmp_path / "no.csv"))


def test_an_unknown_format_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="got 'doc'"):
        format_of(SourceFile(tmp_path / "a"), "doc")


def test_a_slice_is_read_in_playing_order(read: Any) -> None:
    rows, rejects = read("mpd.json", json.dumps(MPD))
    assert [(row["session"], row["time"], row["track_id"], row["title"]) for row in rows] == [
        ("7", "1493424000", "spotify:track:1", "a"),
        ("7", "1493424000", "spotify:track:2", "b"),
        ("7", "1493424000", "spotify:track:3", "c"),
    ]
    assert [(row.get("explicit"), row.get("markets")) for row in rows] == [(None, None)] * 2 + [("true", "DE;FR")]
    assert rows[1]["duration"] == "2"
    assert [(reject.line, reject.reason) for reject in rejects] == [(2, "not a playlist with tracks")]


@pytest.mark.parametrize("content", [{"payload": {"listens": [LISTEN]}}, [LISTEN], LISTEN])
def test_listens_are_read_however_they_are_wrapped(read: Any, content: object) -> None:
    rows, rejects = read("a.json", json.dumps(content))
    assert rows == [
        {
            "line": 1,
            "listener": "rob",
            "time": "1600000000",
            "track_id": "m1",
            "artist": "Can",
            "title": "Halleluwah",
            "album": "Tago Mago",
            "duration": "1111",
        }
    ]
    assert rejects == []


def test_a_listen_a_line_rejects_what_is_none(read: Any) -> None:
    rows, rejects = read("a.jsonl", json.dumps(LISTEN) + "\n{oops\n[]\n" + json.dumps(LISTEN))
    assert [row["line"] for row in rows] == [1, 4]
    assert [reject.line for reject in rejects] == [2, 3]


def test_both_spotify_exports_are_read_and_podcasts_set_aside(read: Any) -> None:
    rows, _ = read("StreamingHistory0.json", json.dumps([PLAY]))
    assert (rows[0]["time"], rows[0]["artist"], rows[0]["played"]) == ("2023-01-01 10:00", "Can", "200")
    podcast = {"ts": "2023-01-01T10:00:00Z", "ms_played": 1, "episode_name": "Talk"}
    rows, rejects = read("a.json", json.dumps([AUDIO, podcast, {}]))
    assert (rows[0]["track_id"], rows[0]["played"]) == ("spotify:track:1", "31")
    assert [(reject.line, reject.malformed) for reject in rejects] == [(2, False), (3, True)]


def test_scrobbles_are_read(read: Any) -> None:
    rows, rejects = read("a.tsv", "u\t2009-05-04T23:08:57Z\ta1\tCan\tt1\tHalleluwah\nu\t2009\n")
    assert rows == [
        {
            "line": 1,
            "listener": "u",
            "time": "2009-05-04T23:08:57Z",
            "track_id": "t1",
            "artist": "Can",
            "title": "Halleluwah",
        }
    ]
    assert [reject.reason for reject in rejects] == ["expected 6 columns, got 2"]


def test_json_lines_may_differ_in_keys_and_hold_halved_characters(read: Any) -> None:
    rows, rejects = read(
        "a.jsonl",
        '{"session_id": 1, "title": "x", "tags": ["a", "b"]}\n{"session_id": 1, "title": "\\ud800"}\n'
        '{"user_id": 1, "ts": 5, "track_id": "t"}\n{"title": "x"}\n',
    )
    assert [(row["line"], row.get("tags")) for row in rows] == [(1, "a;b"), (3, None)]
    assert {(reject.line, reject.reason[:17]) for reject in rejects} == {
        (2, "not valid Unicode"),
        (4, "expected a sessio"),
    }


def test_parquet_keeps_whole_ids_and_times(tmp_path: Path) -> None:
    table = pa.table(
        {
            "session_id": [1, 1],
            "track_id": [12.0, None],
            "title": ["x", "y"],
            "time": pa.array([5_000_000, 6_000_000], pa.timestamp("us", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    source = SourceFile(tmp_path / "a.parquet")
    rows = [row for batch in format_of(source).read(source, Layout()) for row in batch.events.to_pylist()]
    assert [(row["line"], row["session"], row["track_id"], row["time"]) for row in rows] == [
        (1, "1", "12", "5"),
        (2, "1", None, "6"),
    ]


def test_broken_json_is_refused_with_its_line(read: Any) -> None:
    with pytest.raises(UnreadableSource, match="line 2 is not"):
        read("a.json", '{"playlists":\n oops}')


def test_a_jspf_that_tells_explicit_words_and_countries_is_listened_to(read: Any) -> None:
    told = {"title": "Halleluwah", "explicit": False, "markets": ["DE", "JP"]}
    rows, _ = read("a.jspf", json.dumps({"playlist": {"track": [told, {"title": "Vitamin C", "explicit": "yes"}]}}))
    assert [(row["explicit"], row.get("markets")) for row in rows] == [("false", "DE;JP"), ("yes", None)]
