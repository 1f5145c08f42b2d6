"""The whole road, from files to a data set: nothing lost, nothing invented, the same every time."""

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.dataset.cutting import CutRules
from app.dataset.folder import Dataset, open_dataset
from app.dataset.importing import REJECTS_FILE, ImportSettings, import_sources
from app.dataset.naming import Joining
from app.domain.catalogue import Track
from app.domain.spelling import derived_id
from app.errors import InvalidDataset, UnreadableSource
from app.formats.columns import Layout
from app.formats.playlist_file import PlaylistFormat, write_playlist

DATA = Path(__file__).parents[2].parent / "shared" / "data"
# The listening data may not be shipped: most of its sources state no terms.
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real listening data is not beside the project")


def imported(folder: Path, *sources: str, **chosen: Any) -> Dataset:
    return import_sources(sources, folder / "out", ImportSettings(force=True, **chosen)).dataset


def of(folder: Path, content: str | bytes, name: str = "a.csv", **chosen: Any) -> Dataset:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return imported(folder, str(folder / name), **chosen)


def labels(dataset: Dataset) -> list[list[str]]:
    return [[dataset.catalogue[int(row)].title for row in dataset.sessions[i]] for i in range(len(dataset.sessions))]


def test_sessions_keep_the_order_of_rows_where_time_is_missing(tmp_path: Path) -> None:
    rows = ["b,y", "a,x", "b,x", "a,y", "b,z", "a,x"]
    dataset = of(tmp_path, "session_id,title\n" + "\n".join(rows))
    assert labels(dataset) == [["y", "x", "z"], ["x", "y", "x"]]
    assert dataset.sessions.times.tolist() == [0] * 6


def test_times_order_the_events_of_a_session_and_the_sessions(tmp_path: Path) -> None:
    dataset = of(tmp_path, "session_id,time,title\n1,300,c\n1,100,a\n2,50,q\n1,200,b\n2,60,r\n")
    assert labels(dataset) == [["q", "r"], ["a", "b", "c"]]
    assert dataset.sessions.times.tolist() == [50, 60, 100, 200, 300]


@pytest.mark.parametrize(
    "time",
    ["1241478537", "1241478537000", "1241478537.9", "2009-05-04T23:08:57Z", "2009-05-05T01:08:57+02:00",
     "2009-05-04 23:08:57", "2009/05/04 23:08:57", "2009-05-05T01:08:57+0200"],
)  # fmt: skip
def test_times_are_understood_as_people_write_them(tmp_path: Path, time: str) -> None:
    dataset = of(tmp_path, f"listener_id,time,title\n1,{time},a\n1,{time},b\n")
    assert dataset.sessions.times.tolist() == [1241478537] * 2


def test_a_history_is_cut_at_silence_listener_by_listener(tmp_path: Path) -> None:
    content = "user,time,title\nann,1000,a\nbob,1010,x\nann,1200,b\nbob,1100,y\nann,9000,c\nann,9100,d\nbob,1200,z\n"
    dataset = of(tmp_path, content)
    assert labels(dataset) == [["a", "b"], ["x", "y", "z"], ["c", "d"]]
    assert labels(of(tmp_path, content, rules=CutRules(idle_gap_s=9000)))[0] == ["a", "b", "c", "d"]


def test_spellings_are_joined_and_the_most_frequent_is_shown(tmp_path: Path) -> None:
    dataset = of(tmp_path, "session_id,artist,title\n1,Can,Halleluwah\n1,CAN, halleluwah \n1,Can,Halleluwah\n1,Can,X\n")
    assert [track.label for track in dataset.catalogue] == ["Can - Halleluwah", "Can - X"]
    assert dataset.catalogue[0].track_id == derived_id("can\x1fhalleluwah")
    assert dataset.summary["spellings_joined"] == 1


def test_facts_come_into_the_catalogue(tmp_path: Path) -> None:
    header = "session_id,track_id,artist,title,album,year,genre,tags,duration_ms\n"
    dataset = of(
        tmp_path, header + "1,t,Can,H,Tago Mago,1971-02-01,rock,kraut; jam,1111000\n1,t,Can,H,,x,,,\n1,u,,,,,,,\n"
    )
    assert dataset.catalogue[0] == Track("t", "H", "Can", "Tago Mago", 1971, "rock", ("kraut", "jam"), 1111)
    assert dataset.catalogue[1] == Track("u", "u", "")


def test_explicit_words_and_countries_come_into_the_catalogue(tmp_path: Path) -> None:
    """As most rows have it; what no row tells, or nobody can understand, stays unknown."""
    header = "session_id,track_id,title,is_explicit,Available Markets\n"
    rows = ["1,a,A,True,DE FR", "1,a,A,true,DE FR", "1,b,B,0,\"['US']\"", "1,c,C,,", "1,d,D,perhaps,everywhere"]
    tracks = {track.track_id: track for track in of(tmp_path, header + "\n".join(rows) + "\n").catalogue}
    assert {name: (track.explicit, sorted(track.markets)) for name, track in tracks.items()} == {
        "a": (True, ["DE", "FR"]),
        "b": (False, ["US"]),
        "c": (None, []),
        "d": (None, []),
    }


def test_wrong_lines_are_counted_by_reason_and_written_down(tmp_path: Path) -> None:
    content = "user,time,title\n1,10,a\n1,20\n1,soon,b\n1,,c\n1,30,\n,40,d\n1,50,e\n"
    (tmp_path / "a.csv").write_text(content)
    found = import_sources([str(tmp_path / "a.csv")], tmp_path / "out", ImportSettings())
    assert found.dataset.summary["rejected"] == {
        "expected 3 columns, got 2": 1,
        "time not understood": 1,
        "no time, which a listening history needs": 1,
        "no track: neither an id nor a title": 1,
        "no session and no listener": 1,
    }
    assert [str(line).split(":")[0] for line in found.first_rejects] == [f"a.csv, line {n}" for n in (3, 4, 5, 6, 7)]
    written = (tmp_path / "out" / REJECTS_FILE).read_text().splitlines()
    assert written[1:3] == ["a.csv\t3\texpected 3 columns, got 2\t1,20", "a.csv\t4\ttime not understood\t1, soon, b"]
    with pytest.raises(UnreadableSource, match=r"a\.csv, line 3: expected 3 columns, got 2\. Mend it"):
        of(tmp_path, content, strict=True)


def test_short_plays_and_podcasts_are_set_aside_even_when_strict(tmp_path: Path) -> None:
    plays = [
        {"endTime": f"2023-01-01 10:0{n}", "artistName": "Can", "trackName": f"t{n}", "msPlayed": n * 20_000}
        for n in range(5)
    ] + [{"ts": "2023-01-01T10:09:00Z", "episode_name": "Talk", "ms_played": 1}]
    dataset = of(tmp_path, json.dumps(plays), "StreamingHistory0.json", strict=True)
    assert labels(dataset) == [["t2", "t3", "t4"]]
    assert dataset.summary["rejected"] == {"played for under 30 s": 2, "no music track (a podcast or video)": 1}
    assert dataset.summary["malformed"] == 0
    assert len(of(tmp_path, json.dumps(plays), "StreamingHistory0.json", min_played_s=0).sessions.tracks) == 5


def test_a_folder_of_playlists_is_read_in_natural_order(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    (folder / "sub").mkdir(parents=True)
    (folder / "10.m3u").write_text("a.mp3\nb.mp3\n")
    (folder / "9.m3u.gz").write_bytes(gzip.compress(b"c.mp3\nd.mp3\n"))
    (folder / "sub" / "x.xspf").write_text(write_playlist([Track("1", "e", ""), Track("2", "f", "")], "xspf"))
    (folder / "broken.m3u.gz").write_bytes(gzip.compress(b"lost.mp3\n" * 9)[:-9])
    (folder / "notes.doc").write_text("no")
    (folder / "Userdata.json").write_text('{\n"username": "ann"\n}')
    dataset = imported(tmp_path, str(folder))
    assert labels(dataset) == [["c", "d"], ["a", "b"], ["e", "f"]]
    assert dataset.summary["formats"] == {"m3u": 2, "xspf": 1}
    assert (dataset.summary["rejected"], dataset.summary["files_passed_over"]) == ({"unreadable file": 1}, 2)
    assert dataset.summary["events_in"] == 7
    assert len(imported(tmp_path, str(folder / "*.m3u")).sessions) == 1
    with pytest.raises(UnreadableSource, match="cut short"):
        imported(tmp_path, str(folder), strict=True)
    with pytest.raises(UnreadableSource, match="none"):
        imported(tmp_path, str(folder / "*.jspf"))


@pytest.mark.parametrize("format_name", list(PlaylistFormat))
def test_a_playlist_that_was_written_can_be_imported(tmp_path: Path, format_name: PlaylistFormat) -> None:
    tracks = [Track("t1", "Help On The Way", "Grateful Dead", "Blues for Allah"), Track("t2", "=Slipknot!", "A - B")]
    text = write_playlist(tracks, format_name)
    dataset = of(tmp_path, text, f"a.{format_name}", layout=Layout(playlist_per_file=True))
    assert list(dataset.catalogue) == tracks


def test_the_same_session_name_in_two_tables_is_one_session_and_in_two_playlists_two(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"session_id,title\n1,{name}\n")
        (tmp_path / f"{name}.sessions.txt").write_text("1 2\n")
    assert labels(imported(tmp_path, str(tmp_path / "?.csv"))) == [["a", "b"]]
    assert labels(imported(tmp_path, str(tmp_path / "?.sessions.txt"))) == [["1", "2"], ["1", "2"]]


def test_an_import_never_replaces_unasked_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("session_id,title\n1,a\n1,b\n")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"session_id,title\n" + b"1,a\n" * 99)[:-9])
    import_sources([str(tmp_path / "a.csv")], tmp_path / "out", ImportSettings())
    with pytest.raises(InvalidDataset, match="--force"):
        import_sources([str(tmp_path / "a.csv")], tmp_path / "out", ImportSettings())
    with pytest.raises(UnreadableSource, match="cut short"):
        imported(tmp_path, str(tmp_path / "cut.csv.gz"))
    with pytest.raises(UnreadableSource, match="Nothing is left of 2 events: 2 x track in fewer than 9"):
        imported(tmp_path, str(tmp_path / "a.csv"), rules=CutRules(min_support=9))
    assert labels(open_dataset(tmp_path / "out")) == [["a", "b"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "cut.csv.gz", "out"]


_rows = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2", ""]),
        st.sampled_from(["ann", ""]),
        st.sampled_from(["", "5", "9000", "soon", "2009-05-04"]),
        st.sampled_from(["a", "A ", "b (feat. x)", "b", ""]),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=10)
@given(rows=_rows, length=st.integers(1, 3), support=st.integers(1, 2), repeats=st.booleans())
def test_no_event_is_lost_and_importing_again_changes_nothing(
    rows: list[tuple[str, str, str, str]], length: int, support: int, repeats: bool
) -> None:
    text = "session_id,listener_id,time,title\n" + "".join(",".join(row) + "\n" for row in rows)
    chosen: dict[str, Any] = {"rules": CutRules(1800, length, support, repeats), "joining": Joining(featuring=True)}
    with TemporaryDirectory() as name:
        try:
            first = of(Path(name), text, **chosen)
        except UnreadableSource as error:
            told = str(error)
            assume(f"of {len(rows)} events" not in told)
            raise
        summary = first.summary
        left_out = sum(summary["dropped"].values()) + sum(summary["rejected"].values())
        assert summary["events_in"] == len(rows) == summary["events"] + left_out
        assert of(Path(name), text, **chosen).fingerprint == first.fingerprint
        content = "session_id,track_id,title\n" + "".join(
            f"{number},{first.catalogue[int(row)].track_id},{first.catalogue[int(row)].title}\n"
            for number in range(len(first.sessions))
            for row in first.sessions[number]
        )
        again = of(Path(name), content, **chosen)
        assert labels(again) == labels(first)


@needs_data
@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "sessions", "events", "tracks"),
    [
        ("gratefuldead.tsv.gz", 2076, 39774, 436),
        ("classic_rock.tsv.gz", 172, 37667, 2231),
        pytest.param("rns_gap15.tsv.gz", 15883, 406726, 139574, marks=[pytest.mark.slow, pytest.mark.long]),
        pytest.param(
            "nowplaying/train.sessions.txt.gz", 128077, 953381, 60416, marks=[pytest.mark.slow, pytest.mark.long]
        ),
    ],
)
def test_real_data_has_the_counts_its_readme_states(
    tmp_path: Path, name: str, sessions: int, events: int, tracks: int
) -> None:
    summary = imported(tmp_path, str(DATA / name), rules=CutRules(min_session_length=1)).summary
    assert (summary["sessions"], summary["events"], summary["tracks"]) == (sessions, events, tracks)
    assert summary["events_in"] == events


@needs_data
@pytest.mark.data
def test_set_lists_come_in_the_order_they_were_played(tmp_path: Path) -> None:
    dataset = imported(tmp_path, str(DATA / "gratefuldead.tsv.gz"), rules=CutRules(min_session_length=1))
    with gzip.open(DATA / "gratefuldead.tsv.gz", "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    nights: dict[str, list[str]] = {}
    for night, _, _, title in rows:
        nights.setdefault(night, []).append(title)
    assert labels(dataset) == list(nights.values())
