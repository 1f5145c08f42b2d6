"""M3U and M3U8 playlists, read with or without their `#EXT` lines, written with them.

    #EXTM3U
    #EXTART:Grateful Dead
    #EXTINF:240,Grateful Dead - Slipknot!
    segue:track:m5c3…

`#EXTART` keeps the artist apart from a title that has ` - ` in it.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from app.domain.catalogue import Track
from app.formats.columns import Layout
from app.formats.listen import Batch, Row, batches_of
from app.formats.playlist_text import as_written, id_in, location, one_line
from app.formats.source import SourceFile

_FIELDS = ("session", "track_id", "artist", "title", "album", "duration")
_EXTINF = re.compile(r"#EXTINF:\s*(-?\d+)?(?:\.\d+)?[^,]*,\s*(.*)")
_TRACK_NUMBER = re.compile(r"^(?:\d{1,3}\s*[-.]\s*|\d{1,3}\s+(?=\S))")


def write_m3u(tracks: Sequence[Track], title: str) -> str:
    """Return the tracks as an extended M3U8 playlist."""
    lines = ["#EXTM3U", f"#PLAYLIST:{one_line(title)}"]
    for track in map(as_written, tracks):
        duration = -1 if track.duration_s is None else track.duration_s
        lines.append(f"#EXTART:{track.artist}")
        if track.album:
            lines.append(f"#EXTALB:{track.album}")
        lines += [f"#EXTINF:{duration},{track.label}", location(track.track_id)]
    return "\n".join(lines) + "\n"


def read_m3u(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the tracks of a playlist as one session."""
    return batches_of(_FIELDS, _rows(source))


def _rows(source: SourceFile) -> Iterator[Row]:
    info: tuple[str | None, str] | None = None
    artist = album = None
    for number, content in source.lines():
        line = _decoded(content).strip()
        if matched := _EXTINF.match(line):
            info = matched[1], matched[2]
        elif line.startswith("#EXTART:"):
            artist = line.removeprefix("#EXTART:").strip()
        elif line.startswith("#EXTALB:"):
            album = line.removeprefix("#EXTALB:").strip() or None
        elif not line.startswith("#"):
            duration = info[0] if info is not None and info[0] is not None and int(info[0]) > 0 else None
            names = _from_label(info[1], artist) if info is not None and info[1].strip() else None
            from_path = _from_path(line)
            names = names or from_path
            known_artist = artist if artist is not None else names[0]
            yield number, "1", id_in(line), known_artist, names[1], album, duration
            info = artist = album = None


def _decoded(content: bytes) -> str:
    # The older .m3u has no stated encoding; what is not UTF-8 was most likely written on Windows.
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _from_label(label: str, artist: str | None) -> tuple[str, str]:
    label = label.strip()
    if artist is not None:
        return artist, label.removeprefix(f"{artist} - ") if artist else label
    before, dash, after = label.partition(" - ")
    return (before.strip(), after.strip()) if dash and after.strip() else ("", label)


def _from_path(address: str) -> tuple[str, str]:
    """Take artist and title from `Artist/Album/01 Title.mp3` or `Artist - Title.mp3`."""
    if address.startswith("file://"):
        address = unquote(address.removeprefix("file://"))
    path = PurePosixPath(address.replace("\\", "/"))
    stem = _TRACK_NUMBER.sub("", path.stem).strip() or path.stem
    artist, title = _from_label(stem, None)
    folders = [part for part in path.parts[:-1] if part not in ("/", "..", ".")]
    if not artist and len(folders) >= 2 and "://" not in address:
        artist = folders[-2]
    return artist, title or address
