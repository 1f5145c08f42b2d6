"""What is written is read by libraries that others wrote, whatever a title holds: each track once, nothing else."""

import io
import json
from typing import Any
from urllib.parse import unquote

import jsonschema
import m3u8
import xspf_lib
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.catalogue import Track
from app.formats.playlist_file import write_playlist
from app.formats.playlist_text import as_written, location, one_line

HOSTILE = (
    "#EXTM3U",
    "x\r\n#EXTINF:1,y\nhttp://evil.example/a.mp3",
    "</title></track><track><location>file:///etc/passwd</location>",
    "<!--", "]]>", "<![CDATA[", "&lt;&amp;", "<!DOCTYPE x>", '"},{"title":"y', "\\u0022", "\\", "'\"`",
    "a,b", "a - b", "#", "-1,", "\x00\x07\x1b[31m", "\u2028\u2029\x85", "\u202eevil", "\ud800", "\ufffe", "😀 é", " ",
)  # fmt: skip
_piece = st.sampled_from(HOSTILE) | st.text(max_size=8) | st.text(st.characters(max_codepoint=0x9F), max_size=8)
_name = st.lists(_piece, max_size=3).map("".join)
_tracks = st.lists(
    st.builds(Track, _name.filter(bool), _name, _name, st.none() | _name, duration_s=st.none() | st.integers(1, 9999)),
    max_size=5,
)
_many = settings(max_examples=80, deadline=None)

_TEXT, _URI = {"type": "string"}, {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$"}
_URIS = {"type": "array", "items": _URI}
_ABOUT = {"creator": _TEXT, "annotation": _TEXT, "info": _URI, "image": _URI, "title": _TEXT}
_MORE = {"link": {"type": "array"}, "meta": {"type": "array"}, "extension": {"type": "object"}}
# The members that https://www.xspf.org/jspf names, and no others.
JSPF: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["playlist"],
    "properties": {
        "playlist": {
            "type": "object",
            "additionalProperties": False,
            "required": ["track"],
            "properties": {
                **_ABOUT,
                **_MORE,
                "location": _URI,
                "identifier": _URI,
                "date": _TEXT,
                "license": _URI,
                "attribution": {"type": "array"},
                "track": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            **_ABOUT,
                            **_MORE,
                            "location": _URIS,
                            "identifier": _URIS,
                            "album": _TEXT,
                            "trackNum": {"type": "integer", "minimum": 1},
                            "duration": {"type": "integer", "minimum": 0},
                        },
                    },
                },
            },
        }
    },
}


@_many
@given(tracks=_tracks, title=_name)
def test_m3u8_reads_an_m3u8(tracks: list[Track], title: str) -> None:
    """The library that players of streams use: address, length and label of each track, no other address."""
    found = m3u8.loads(write_playlist(tracks, "m3u8", title=title))
    written = [as_written(track) for track in tracks]
    assert [segment.uri for segment in found.segments] == [location(track.track_id) for track in tracks]
    # It takes the name of the line out wherever it stands in it, and cuts the spaces at its ends.
    labels = [track.label.replace("#EXTINF:", "").strip() for track in written]
    assert [segment.title for segment in found.segments] == labels
    assert [segment.duration for segment in found.segments] == [
        -1.0 if track.duration_s is None else track.duration_s for track in tracks
    ]
    assert not found.playlists
    assert not any(found.keys)
    assert not found.is_endlist


@_many
@given(tracks=_tracks, title=_name)
def test_xspf_lib_reads_an_xspf(tracks: list[Track], title: str) -> None:
    """Every name as it was written, and no place of a file that nobody named. It reads addresses unquoted."""
    found = xspf_lib.Playlist.parse(io.BytesIO(write_playlist(tracks, "xspf", title=title).encode()))
    assert (found.title or "") == one_line(title)
    told = [
        (
            [str(each) for each in track.identifier],
            track.title or "",
            track.creator or "",
            track.album or None,
            track.duration,
        )
        for track in found.trackList
    ]
    assert told == [
        (
            [unquote(location(track.track_id))],
            track.title,
            track.artist,
            track.album,
            None if track.duration_s is None else track.duration_s * 1000,
        )
        for track in map(as_written, tracks)
    ]
    assert not any(track.location or track.link or track.extension for track in found.trackList)


@_many
@given(tracks=_tracks, title=_name)
def test_a_jspf_keeps_to_its_specification(tracks: list[Track], title: str) -> None:
    """Only the members it names, of the types it names; the names as they were written."""
    found = json.loads(write_playlist(tracks, "jspf", title=title).encode())
    jsonschema.validate(found, JSPF)
    assert found["playlist"]["title"] == one_line(title)
    assert [(track["title"], track.get("creator", "")) for track in found["playlist"]["track"]] == [
        (track.title, track.artist) for track in map(as_written, tracks)
    ]
