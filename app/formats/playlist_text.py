"""Text of a track as any playlist file may carry it: one line, nothing a reader could take for markup or a command."""

import re
from urllib.parse import quote, unquote

from app.domain.catalogue import Track

_SCHEME = "segue:track:"
_SPOTIFY = re.compile(r"spotify:track:[A-Za-z0-9]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    """Return the text on one line: control, direction and line-break characters become spaces, runs of them one."""
    return " ".join(_CONTROL.sub(" ", text).split())


def as_written(track: Track) -> Track:
    """Return the track as every playlist file carries it: its names on one line."""
    return Track(
        track.track_id,
        one_line(track.title) or "untitled",
        one_line(track.artist),
        None if track.album is None else one_line(track.album) or None,
        duration_s=track.duration_s,
    )


def location(track_id: str) -> str:
    """Return an address for a track id: Spotify's as they are, others as `segue:track:…`."""
    if _SPOTIFY.fullmatch(track_id):
        return track_id
    return _SCHEME + quote(track_id.encode("utf-8", "surrogatepass"), safe="")


def id_in(address: str) -> str | None:
    """Return the track id an address carries, None when it only says where a file lies."""
    if address.startswith(_SCHEME):
        return unquote(address.removeprefix(_SCHEME)) or None
    return address if _SPOTIFY.fullmatch(address) else None
