"""Spotify's privacy export: `StreamingHistory*.json` and the extended `Streaming_History_Audio_*.json`.

All files in one folder belong to one listener. The time is when playing ended, which is what Spotify states; an
episode of a podcast is no track.
"""

from collections.abc import Iterator
from typing import Any

from app.formats.columns import Layout
from app.formats.json_text import document, seconds, text
from app.formats.listen import Batch, Reject, Row, batches_of
from app.formats.source import SourceFile

_FIELDS = ("listener", "time", "track_id", "artist", "title", "album", "played")


def read_spotify_export(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the plays of a file; the line of a play is its place in the list."""
    plays = document(source)
    if not isinstance(plays, list):
        raise source.refuse("a list of plays, as in StreamingHistory0.json")
    listener = f"spotify {source.path.resolve().parent}"
    return batches_of(_FIELDS, (_row(number, play, listener) for number, play in enumerate(plays, start=1)))


def _row(number: int, play: Any, listener: str) -> Row | Reject:
    if text(play, "endTime") is not None:
        title, artist = text(play, "trackName"), text(play, "artistName")
        return number, listener, text(play, "endTime"), None, artist, title, None, seconds(play, "msPlayed")
    if text(play, "ts") is None:
        return Reject(number, "not a play with endTime or ts", str(play)[:200])
    title = text(play, "master_metadata_track_name")
    if title is None:
        return Reject(number, "no music track (a podcast or video)", text(play, "episode_name") or "", malformed=False)
    return (
        number,
        text(play, "username") or listener,
        text(play, "ts"),
        text(play, "spotify_track_uri"),
        text(play, "master_metadata_album_artist_name"),
        title,
        text(play, "master_metadata_album_album_name"),
        seconds(play, "ms_played"),
    )
