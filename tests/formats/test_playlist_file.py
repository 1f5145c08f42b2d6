"""What is written is read back, whatever a title holds, and nothing in it is taken for markup or a command."""

import json
import xml.dom.minidom
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.catalogue import Track
from app.errors import InvalidRequest
from app.formats.columns import Layout
from app.formats.file_format import format_of
from app.formats.playlist_file import PlaylistFormat, write_playlist
from app.formats.playlist_text import as_written
from app.formats.source import SourceFile

SLIPKNOT = Track("slip", "Slipknot!", "Grateful Dead", album="Blues for Allah", duration_s=283)
_name = st.text(max_size=12) | st.sampled_from(["=1+1", "-1", "'@x", "a - b", "#EXTINF:1,x", "a,b", '"', "]]>", "<&>"])
_tracks = st.lists(
    st.builds(
        Track,
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
        .map(lambda text: " ".join(text.split()))
        .filter(lambda text: text.isprintable() and text != ""),
        _name,
        _name,
        st.none() | _name,
        duration_s=st.none() | st.integers(1, 9999),
    ),
    max_size=6,
)


@pytest.mark.parametrize("format_name", list(PlaylistFormat))
@settings(deadline=None, max_examples=40)
@given(tracks=_tracks)
def test_a_written_playlist_is_read_back(format_name: PlaylistFormat, tracks: list[Track]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"list.{format_name}"
        path.write_text(write_playlist(tracks, format_name), encoding="utf-8", newline="")
        source = SourceFile(path)
        rows = []
        for batch in format_of(source).read(source, Layout(playlist_per_file=True)):
            assert not batch.rejects
            rows += batch.events.to_pylist()
    found = [(row["track_id"], row["artist"] or "", row["title"], row["album"] or None) for row in rows]
    written = [as_written(track) for track in tracks]
    assert found == [(track.track_id, track.artist, track.title, track.album) for track in written]
    lengths = [row.get("duration") or row.get("duration_ms") for row in rows]
    assert [
        int(length) // (1 if format_name in ("m3u8", "csv") else 1000) if length else None for length in lengths
    ] == [track.duration_s for track in tracks]


def test_a_title_cannot_add_lines_to_an_m3u() -> None:
    text = write_playlist([Track("a", "x\nhttp://evil/\u2028y", "z\r\n#EXTM3U")], "m3u8")
    assert text.splitlines()[2:] == ["#EXTART:z #EXTM3U", "#EXTINF:-1,z #EXTM3U - x http://evil/ y", "segue:track:a"]


def test_markup_in_a_title_stays_text_in_xspf() -> None:
    text = write_playlist([Track("a", "</title><x>&\x00\ud800", "b")], "xspf", title="<list>")
    document = xml.dom.minidom.parseString(text)
    titles = [node.firstChild.nodeValue for node in document.getElementsByTagName("title") if node.firstChild]
    assert titles == ["<list>", "</title><x>&"]


def test_jspf_says_what_xspf_says() -> None:
    track = json.loads(write_playlist([SLIPKNOT], "jspf"))["playlist"]["track"][0]
    assert track == {
        "identifier": ["segue:track:slip"],
        "title": "Slipknot!",
        "creator": "Grateful Dead",
        "album": "Blues for Allah",
        "duration": 283000,
    }


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+1", "-1", "@x", "'=1"])
def test_a_spreadsheet_takes_no_title_for_a_formula(title: str) -> None:
    assert f",'{title}," in write_playlist([Track("a", title, "b")], "csv")


def test_a_spotify_address_stays_an_address() -> None:
    assert "\nspotify:track:4uLU6hMCjMI75M1A2tKUQC\n" in write_playlist(
        [Track("spotify:track:4uLU6hMCjMI75M1A2tKUQC", "x", "y")], "m3u8"
    )


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="m3u8, xspf, jspf, csv; got 'pls'"):
        write_playlist([SLIPKNOT], "pls")
