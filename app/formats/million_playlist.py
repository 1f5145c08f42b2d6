"""Slices of Spotify's Million Playlist Dataset, and the playlists of a Spotify privacy export.

A slice is `{"playlists": [{"pid": 0, "modified_at": 1493424000, "tracks": [{"pos": 0, "track_uri": …}]}]}`; the
privacy export says `items` with a `track` inside. Every playlist is one session. Slices made with Spotify's Web API may
also tell `explicit` and `available_markets`.
"""

from collections.abc import Iterator
from typing import Any

from app.formats.columns import Layout
from app.formats.json_text import document, entries, flag, seconds, text, words
from app.formats.listen import Batch, Reject, Row, batches_of
from app.formats.source import SourceFile

_FIELDS = ("session", "time", "track_id", "artist", "title", "album", "duration", "explicit", "markets")


def read_million_playlist(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the events of a slice, tracks by position; the line of an event is its playlist's place in the file."""
    playlists = entries(document(source), "playlists")
    if playlists is None:
        raise source.refuse('a Million Playlist slice with a list of "playlists"')
    return batches_of(_FIELDS, _rows(playlists))


def _rows(playlists: list[Any]) -> Iterator[Row | Reject]:
    for number, playlist in enumerate(playlists, start=1):
        tracks = entries(playlist, "tracks")
        tracks = entries(playlist, "items") if tracks is None else tracks
        if tracks is None:
            yield Reject(number, "not a playlist with tracks", str(playlist)[:200])
            continue
        session = text(playlist, "pid") or f"place {number}"
        time = text(playlist, "modified_at") or text(playlist, "lastModifiedDate")
        for track in sorted(tracks, key=_position):
            inner = track.get("track") if isinstance(track, dict) and isinstance(track.get("track"), dict) else track
            yield (
                number,
                session,
                time,
                text(inner, "track_uri") or text(inner, "trackUri"),
                text(inner, "artist_name") or text(inner, "artistName"),
                text(inner, "track_name") or text(inner, "trackName"),
                text(inner, "album_name") or text(inner, "albumName"),
                seconds(inner, "duration_ms"),
                flag(inner, "explicit"),
                words(inner, "available_markets") or words(inner, "availableMarkets"),
            )


def _position(track: object) -> int:
    position = track.get("pos") if isinstance(track, dict) else None
    return position if isinstance(position, int) else 0
