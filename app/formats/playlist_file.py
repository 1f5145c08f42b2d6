"""Playlists as files other programs read. Knows nothing of who asked for them."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from app.domain.catalogue import Track
from app.errors import InvalidRequest
from app.formats.jspf import write_jspf
from app.formats.m3u import write_m3u
from app.formats.playlist_csv import write_playlist_csv
from app.formats.xspf import write_xspf


class PlaylistFormat(StrEnum):
    """The formats a playlist is written in; the value is also the file name's ending."""

    M3U8 = "m3u8"
    XSPF = "xspf"
    JSPF = "jspf"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """The format's name in HTTP."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    PlaylistFormat.M3U8: "application/vnd.apple.mpegurl",
    PlaylistFormat.XSPF: "application/xspf+xml",
    PlaylistFormat.JSPF: "application/jspf+json",
    PlaylistFormat.CSV: "text/csv",
}
_WRITERS: dict[PlaylistFormat, Callable[[Sequence[Track], str], str]] = {
    PlaylistFormat.M3U8: write_m3u,
    PlaylistFormat.XSPF: write_xspf,
    PlaylistFormat.JSPF: write_jspf,
    PlaylistFormat.CSV: write_playlist_csv,
}


def write_playlist(tracks: Sequence[Track], format: str, *, title: str = "Segue playlist") -> str:  # noqa: A002
    """Return the playlist as the text of a file (UTF-8, `\\n` line ends); raise InvalidRequest for another format."""
    try:
        chosen = PlaylistFormat(format.lower().removeprefix("."))
    except ValueError:
        raise InvalidRequest(
            f"Expected a playlist format out of {', '.join(PlaylistFormat)}; got {format!r}."
        ) from None
    return _WRITERS[chosen](tracks, title)
