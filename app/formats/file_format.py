"""Which format a file is in: by what the person says, by its name, by its first lines.

The order matters: a name is a promise, but `.json`, `.tsv` and `.txt` promise little, so for them the content decides.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.errors import InvalidRequest
from app.formats.columns import Layout
from app.formats.delimited import delimiter_of, read_delimited
from app.formats.event_log_plays import read_event_log
from app.formats.json_lines import read_json_lines
from app.formats.jspf import read_jspf
from app.formats.lastfm import read_lastfm
from app.formats.listen import Batch
from app.formats.listenbrainz import read_listenbrainz
from app.formats.m3u import read_m3u
from app.formats.million_playlist import read_million_playlist
from app.formats.parquet import read_parquet
from app.formats.session_lines import read_session_lines
from app.formats.source import SourceFile
from app.formats.spotify_export import read_spotify_export
from app.formats.xspf import read_xspf


@dataclass(frozen=True)
class FileFormat:
    """A format by name. `own_sessions`: what names a session means nothing outside its file."""

    name: str
    read: Callable[[SourceFile, Layout], Iterator[Batch]]
    endings: tuple[str, ...]
    own_sessions: bool = False


FORMATS = {
    known.name: known
    for known in (
        FileFormat("csv", read_delimited, (".csv",)),
        FileFormat("tsv", read_delimited, (".tsv", ".tab")),
        FileFormat("parquet", read_parquet, (".parquet", ".pq")),
        FileFormat("jsonl", read_json_lines, (".jsonl", ".ndjson")),
        FileFormat("sessions", read_session_lines, (".sessions.txt", ".sessions"), own_sessions=True),
        FileFormat("m3u", read_m3u, (".m3u", ".m3u8"), own_sessions=True),
        FileFormat("xspf", read_xspf, (".xspf",), own_sessions=True),
        FileFormat("jspf", read_jspf, (".jspf",), own_sessions=True),
        FileFormat("million-playlist", read_million_playlist, (".json",)),
        FileFormat("lastfm", read_lastfm, (".tsv",)),
        FileFormat("listenbrainz", read_listenbrainz, (".json", ".jsonl", ".listens")),
        FileFormat("spotify", read_spotify_export, (".json",)),
        FileFormat("event-log", read_event_log, (".json",)),
    )
}
_BY_ENDING = {
    ending: FORMATS[name]
    for name in ("csv", "tsv", "parquet", "jsonl", "sessions", "m3u", "xspf", "jspf")
    for ending in FORMATS[name].endings
}
ENDINGS = (*_BY_ENDING, ".json", ".listens")
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1f\x7f]")
_ISO_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d")


def format_of(source: SourceFile, forced: str | None = None) -> FileFormat:
    """Return the file's format; raise UnreadableSource when it is empty, binary or of no known format."""
    found = recognised(source, forced)
    if found is None:
        raise source.refuse(
            f"a known format, but neither its name nor its first line tells one of {', '.join(FORMATS)}",
            "Say which with --format.",
        )
    return found


def recognised(source: SourceFile, forced: str | None = None) -> FileFormat | None:
    """Return the file's format, None when it is text of no known one; raise UnreadableSource when empty or binary."""
    if forced is not None and forced not in FORMATS:
        raise InvalidRequest(f"Expected a format out of {', '.join(FORMATS)}; got {forced!r}.")
    head = source.head
    if not head.strip():
        raise source.refuse("a playlist or listening history, but the file is empty")
    if head.startswith(b"PAR1"):
        return _agreed(source, FORMATS["parquet"], forced)
    if forced == "parquet" or source.plain_name.endswith(FORMATS["parquet"].endings):
        raise source.refuse("a Parquet file, but it does not begin like one")
    if _is_binary(head):
        raise source.refuse("a text format or Parquet, but the file is binary")
    return FORMATS[forced] if forced is not None else _by_content(source) or _by_name(source)


def _agreed(source: SourceFile, found: FileFormat, forced: str | None) -> FileFormat:
    if forced not in (None, found.name):
        raise source.refuse(f"the format {forced}, but the file is {found.name}")
    return found


def _is_binary(head: bytes) -> bool:
    # Text in any older encoding has next to no control characters; random bytes have one in ten.
    return b"\0" in head or len(_CONTROL.findall(head)) > len(head) / 20


def _by_name(source: SourceFile) -> FileFormat | None:
    endings = [ending for ending in _BY_ENDING if source.plain_name.endswith(ending)]
    return _BY_ENDING[max(endings, key=len)] if endings else None


def _by_content(source: SourceFile) -> FileFormat | None:
    named = _by_name(source)
    first = source.head.lstrip().split(b"\n", 1)[0].strip()
    if source.plain_name.endswith((".json", ".jsonl", ".ndjson", ".listens")) or (named is None and first[:1] in b"{["):
        return _of_json(source.head, first)
    if named is not None and named.name != "tsv":
        return named
    columns = first.split(b"\t")
    if len(columns) == 6 and _ISO_TIME.match(columns[1]):
        return FORMATS["lastfm"]
    if named is not None:
        return named
    if first.startswith(b"#EXTM3U"):
        return FORMATS["m3u"]
    if first.startswith(b"<") and b"xspf.org" in source.head:
        return FORMATS["xspf"]
    if delimiter_of(source, Layout()) is not None:
        return FORMATS["csv"]
    if source.plain_name.endswith(".txt") and all(len(line.split(b"\t")) == 1 for line in source.head.split(b"\n")):
        return FORMATS["sessions"]
    return None


def _of_json(head: bytes, first: bytes) -> FileFormat | None:
    if b'"segue event log"' in head:
        return FORMATS["event-log"]
    if b'"track_metadata"' in head:
        return FORMATS["listenbrainz"]
    if b'"endTime"' in head or b'"ms_played"' in head or b'"master_metadata_' in head:
        return FORMATS["spotify"]
    if b'"playlists"' in head:
        return FORMATS["million-playlist"]
    if b'"playlist"' in head and b'"track"' in head:
        return FORMATS["jspf"]
    if first.startswith(b"{") and first.endswith(b"}"):
        return FORMATS["jsonl"]
    return None
