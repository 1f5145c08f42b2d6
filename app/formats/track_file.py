"""A file of tracks, one a row: CSV, TSV, JSON Lines or Parquet, read by the readers of listening histories.

Knows nothing of catalogues or of what becomes of the tracks.
"""

import unicodedata
from pathlib import Path

from app.domain.catalogue import Track
from app.domain.spelling import derived_id, name_key
from app.errors import UnreadableSource
from app.formats.columns import Layout
from app.formats.file_format import format_of
from app.formats.source import SourceFile
from app.formats.stated_track import stated_track

TABULAR = ("csv", "tsv", "jsonl", "parquet")
_STATED = ("album", "year", "genre", "tags", "duration", "explicit", "markets")


def read_tracks(path: Path) -> list[Track]:
    """Return the tracks in file order; one without a track_id gets the id an import would give its artist and title.

    Columns go by the names `segue import` knows. Raises UnreadableSource, naming the line, when any row is unusable.
    """
    source = SourceFile(path)
    found = format_of(source)
    if found.name not in TABULAR:
        raise source.refuse(f"a table of tracks ({', '.join(TABULAR)}), got the format {found.name}")
    tracks: list[Track] = []
    # What a table of sessions needs besides tracks is not asked of one that is a single playlist.
    for batch in found.read(source, Layout(playlist_per_file=True)):
        if batch.rejects:
            first = batch.rejects[0]
            raise _unusable(source, first.line, f"a track, got {first.text[:80]!r}: {first.reason}")
        tracks += [_track(source, row) for row in batch.events.to_pylist()]
    if not tracks:
        raise source.refuse("at least one track, got none")
    return tracks


def _track(source: SourceFile, row: dict[str, int | str | None]) -> Track:
    text = {name: value for name, value in row.items() if isinstance(value, str) and value}
    track_id, artist, title = (text.get(name, "") for name in ("track_id", "artist", "title"))
    if not track_id and not title:
        raise _unusable(source, row["line"], "a track_id or a title, got neither")
    if "duration" not in text and text.get("duration_ms", "").isdecimal():
        text["duration"] = str(int(text["duration_ms"]) / 1000)
    track_id = unicodedata.normalize("NFC", track_id) or derived_id(name_key(artist, title))
    return stated_track(track_id, artist, title, {name: text[name] for name in _STATED if name in text})


def _unusable(source: SourceFile, line: object, expected: str) -> UnreadableSource:
    return source.refuse(f"in line {line} {expected}", "Correct it; nothing was read.")
