"""A track from what a file states of it as text: which year, tags, length, explicitness and countries
the words mean.

Knows nothing of any format.
"""

import re
from collections.abc import Mapping

from app.domain.catalogue import Track

_LONGEST_DURATION_S = 86400
# Programs say it in their own way; iTunes' stores say `explicit`, `cleaned` and `notExplicit`.
_SAID = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "y", "explicit"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "n", "clean", "cleaned", "notexplicit"), False),
}
# ISO 3166-1, alpha-2; a list may be written with anything between, also as `['DE', 'FR']`.
_COUNTRY = re.compile(r"(?<![A-Z])[A-Z]{2}(?![A-Z])")


def stated_track(track_id: str, artist: str, title: str, stated: Mapping[str, str]) -> Track:
    """Return the track; what makes no sense is left out.

    `stated` may hold album, year, genre, tags, duration, explicit and markets.
    """
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
        _SAID.get(stated.get("explicit", "").casefold()),
        frozenset(_COUNTRY.findall(stated.get("markets", "").upper())),
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
