"""A track from what a file states of it as text: which year, tags and length the words mean.

Knows nothing of any format.
"""

import re
from collections.abc import Mapping

from app.domain.catalogue import Track

_LONGEST_DURATION_S = 86400


def stated_track(track_id: str, artist: str, title: str, stated: Mapping[str, str]) -> Track:
    """Return the track; `stated` may hold album, year, genre, tags, duration, and what makes no sense is left out."""
    title, artist = " ".join(title.split()) or track_id, " ".join(artist.split())
    if not stated:
        return Track(track_id, title, artist)
    year = re.match(r"(\d{4})(?!\d)", stated.get("year", ""))
    tags = tuple(dict.fromkeys(tag.strip() for tag in re.split(r"[;|,]", stated.get("tags", "")) if tag.strip()))
    return Track(
        track_id,
        title,
        artist,
        stated.get("album"),
        int(year[1]) if year else None,
        stated.get("genre"),
        tags,
        _duration(stated.get("duration", "")),
    )


def _duration(text: str) -> int | None:
    minutes = re.fullmatch(r"(\d{1,4}):(\d\d)", text)
    if minutes:
        return int(minutes[1]) * 60 + int(minutes[2])
    try:
        seconds = float(text)
    except ValueError:
        return None
    return round(seconds) if 0 < seconds <= _LONGEST_DURATION_S else None
