"""JSPF playlists: XSPF spelled in JSON, as ListenBrainz and others write it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from app.domain.catalogue import Track
from app.formats.columns import Layout
from app.formats.json_text import document, entries, flag, text, words
from app.formats.listen import Batch, Reject, Row, batches_of
from app.formats.playlist_text import as_written, id_in, location, one_line
from app.formats.source import SourceFile

_FIELDS = ("session", "track_id", "artist", "title", "album", "duration_ms", "explicit", "markets")


def write_jspf(tracks: Sequence[Track], title: str) -> str:
    """Return the tracks as a JSPF playlist."""
    listed: list[dict[str, Any]] = []
    for track in map(as_written, tracks):
        entry: dict[str, Any] = {"identifier": [location(track.track_id)], "title": track.title}
        if track.artist:
            entry["creator"] = track.artist
        if track.album:
            entry["album"] = track.album
        if track.duration_s is not None:
            entry["duration"] = track.duration_s * 1000
        listed.append(entry)
    return json.dumps({"playlist": {"title": one_line(title), "track": listed}}, ensure_ascii=False, indent=2) + "\n"


def read_jspf(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the tracks of a playlist as one session; the line of a track is its place in the list."""
    tracks = entries(document(source), "playlist", "track")
    if tracks is None:
        raise source.refuse('a JSPF playlist with a list at "playlist" → "track"')
    return batches_of(_FIELDS, (_row(number, track) for number, track in enumerate(tracks, start=1)))


def _row(number: int, track: object) -> Row | Reject:
    if not isinstance(track, dict):
        return Reject(number, "not a track", str(track)[:200])
    identifier = _first(track, "identifier")
    track_id = id_in(identifier) or identifier or id_in(_first(track, "location"))
    names = (text(track, key) for key in ("creator", "title", "album", "duration"))
    # No words of JSPF's own; players that know it write it beside the title.
    return number, "1", track_id, *names, flag(track, "explicit"), words(track, "markets")


def _first(track: dict[str, Any], key: str) -> str:
    value = track.get(key)
    return text(value[0] if isinstance(value, list) and value else value) or ""
