"""Which column of a table means what: names people use, and the ones they tell us. Knows nothing of files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.errors import InvalidRequest
from app.formats.listen import FIELDS

_ALIASES: dict[str, tuple[str, ...]] = {
    "session": ("session_id", "session", "sessionid", "playlist_id", "playlistid", "playlist", "pid"),
    "listener": ("listener_id", "listener", "user_id", "userid", "user", "username", "user_name"),
    "time": ("time", "timestamp", "ts", "listened_at", "played_at", "datetime", "date", "unix_time", "utc_time"),
    "track_id": ("track_id", "trackid", "track_uri", "uri", "item_id", "itemid", "song_id", "spotify_id", "id"),
    "artist": ("artist", "artist_name", "artistname", "artist_names", "creator", "performer"),
    "title": ("title", "track_name", "trackname", "track_title", "song_title", "song", "track", "name"),
    "album": ("album", "album_name", "albumname", "album_title", "release", "release_name"),
    "year": ("year", "release_year", "release_date"),
    "genre": ("genre",),
    "tags": ("tags",),
    "duration": ("duration_s", "duration"),
    "duration_ms": ("duration_ms", "track_duration_ms"),
    "explicit": ("explicit", "is_explicit", "track_explicit"),
    # Not `market` or `country`: in a history that is where the listener was.
    "markets": ("markets", "available_markets"),
}


@dataclass(frozen=True)
class Layout:
    """What the person said about tables: the column of each field, and whether each file is one playlist."""

    columns: Mapping[str, str] = field(default_factory=dict)
    playlist_per_file: bool = False

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in FIELDS:
                raise InvalidRequest(f"Expected a field out of {', '.join(FIELDS)}; got {name!r}.")

    def fields_of(self, header: Sequence[str]) -> dict[str, int]:
        """Return the position of each field the header holds.

        A column named by the person is taken or nothing; else the first alias that is there, compared without case and
        with spaces as underscores. A lone `track` column beside no artist holds ids.
        """
        folded = [name.strip().casefold().replace(" ", "_").replace("-", "_") for name in header]
        found: dict[str, int] = {}
        for name in FIELDS:
            wanted = self.columns.get(name)
            if wanted is not None:
                if wanted in header:
                    found[name] = header.index(wanted)
                continue
            for alias in _ALIASES.get(name, ()):
                if alias in folded:
                    found[name] = folded.index(alias)
                    break
        if "track_id" not in found and "artist" not in found and "track" in folded and "title" not in self.columns:
            found["track_id"] = folded.index("track")
            found.pop("title", None)
        return found

    def missing_from(self, found: Mapping[str, int]) -> str | None:
        """Return what a table with these fields lacks to be read as sessions, or None."""
        if "track_id" not in found and "title" not in found:
            return "a track_id or title column"
        if self.playlist_per_file or "session" in found or ("listener" in found and "time" in found):
            return None
        if "listener" in found:
            return "a time column beside the listener"
        return "a session_id column, or listener_id and time (or say that each file is one playlist)"
