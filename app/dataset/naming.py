"""Which spellings are one track, what its id is and how it is shown.

A track with an id is that id. One without is the track whose artist and title read the same, or, when no id is known
for them, gets an id made from both: the same names give the same id in every import. Knows nothing of sessions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from app.domain.spelling import derived_id, text_key, without_featuring, without_release


@dataclass(frozen=True, slots=True)
class Joining:
    """Which spellings are joined beyond case, accents' encoding and white space.

    `featuring` leaves out guests (`Umbrella (feat. Jay-Z)`), `releases` release notes (`Heroes - 2017 Remaster`).
    `by_name` joins even different ids when artist and title read the same; the most frequent id stands for all.
    """

    featuring: bool = False
    releases: bool = False
    by_name: bool = False

    def key(self, artist: str, title: str) -> str:
        """Return the form under which names are compared."""
        if self.featuring:
            title = without_featuring(title)
        if self.releases:
            title = without_release(title)
        return f"{_text_key(artist)}\x1f{text_key(title)}"


class Spelling(NamedTuple):
    """One way a track is written in the sources, how many events write it so, and where the first stands."""

    track_id: str
    artist: str
    title: str
    events: int
    first_row: int


@dataclass(frozen=True)
class Naming:
    """The track of each spelling, and the spelling that is shown for each track."""

    track_of_spelling: Sequence[int]
    track_ids: Sequence[str]
    shown: Sequence[Spelling]


def name_tracks(spellings: Iterable[Spelling], joining: Joining) -> Naming:
    """Decide which spellings are one track; the most frequent, of equals the first written, is shown."""
    ordered = list(enumerate(spellings))
    ordered.sort(key=lambda item: (-item[1].events, item[1].first_row))
    track_of_spelling = [0] * len(ordered)
    row_of_id: dict[str, int] = {}
    id_of_key: dict[str, str] = {}
    shown: list[Spelling] = []
    # Spellings with an id come first, so that those without find it, whatever their number.
    for has_id in (True, False):
        for position, spelling in ordered:
            if bool(spelling.track_id) is not has_id:
                continue
            track_id = spelling.track_id
            if spelling.title and (joining.by_name or spelling.artist or not has_id):
                key = joining.key(spelling.artist, spelling.title)
                known = id_of_key.get(key)
                if known is None:
                    id_of_key[key] = track_id = track_id or derived_id(key)
                elif joining.by_name or not has_id:
                    track_id = known
            row = row_of_id.setdefault(track_id, len(row_of_id))
            if row == len(shown):
                shown.append(spelling)
            elif _is_better(spelling, shown[row]):
                shown[row] = spelling
            track_of_spelling[position] = row
    return Naming(track_of_spelling, list(row_of_id), shown)


def _is_better(spelling: Spelling, shown: Spelling) -> bool:
    # A title beats none even when most events name only the id.
    return (bool(spelling.title), spelling.events, -spelling.first_row) > (
        bool(shown.title),
        shown.events,
        -shown.first_row,
    )


@lru_cache(maxsize=65536)
def _text_key(text: str) -> str:
    return text_key(text)
