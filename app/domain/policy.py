"""What may not come next for this listener, and which rule says so.

Knows nothing of probabilities: it only names the rows a ranking must leave out.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import chain

from app.domain.blocks import holding
from app.domain.catalogue import Catalogue
from app.domain.events import WITHDRAWING
from app.domain.recommendation import Ask
from app.domain.rules import NO_RULES
from app.domain.session import ListenerSession
from app.domain.shelves import shelves_of


@dataclass(frozen=True, slots=True)
class Exclusions:
    """The rows that may not come, by the rule that takes them; several rules may take the same row."""

    by_rule: Mapping[str, Set[int]]

    @property
    def rows(self) -> frozenset[int]:
        """Every row that may not come."""
        return frozenset(chain.from_iterable(self.by_rule.values()))

    @property
    def taken(self) -> dict[str, int]:
        """How many rows each rule takes; rules that take none are left out."""
        return {rule: len(rows) for rule, rows in self.by_rule.items() if rows}


NOTHING = Exclusions({})


def exclusions(session: ListenerSession, ask: Ask, catalogue: Catalogue, now: float) -> Exclusions:
    """Return every catalogue row that may not be suggested at `now`, by rule.

    What was heard lately is left out with all its releases, unless the caller allows repeats; what the listener
    skipped in this listening session, blocked tracks and artists and the caller's own rules always are.
    """
    blocked = catalogue.songs_of([block.what for block in holding(session.blocked_tracks, now)])
    for block in holding(session.blocked_artists, now):
        blocked.update(catalogue.of_artist(block.what))
    excluded = catalogue.songs_of(ask.exclude)
    for artist in ask.exclude_artists:
        excluded.update(catalogue.of_artist(artist))
    by_rule: dict[str, Set[int]] = {
        "blocked": blocked,
        "excluded": excluded,
        "skipped": catalogue.songs_of([heard.track_id for heard in session.current if heard.kind in WITHDRAWING]),
    }
    heard_ids = (*ask.recent, *[heard.track_id for heard in session.recent])
    if not ask.allow_repeats:
        by_rule["heard"] = catalogue.songs_of(heard_ids)
    if ask.artist_gap:
        by_rule["artist_gap"] = of_artists(catalogue.rows_of(heard_ids[-ask.artist_gap :]), catalogue)
    if ask.rules.album_gap:
        by_rule["album_gap"] = of_albums(catalogue.rows_of(heard_ids[-ask.rules.album_gap :]), catalogue)
    if ask.rules != NO_RULES:
        by_rule |= shelves_of(catalogue).failing(ask.rules)
    return Exclusions(by_rule)


def excluded_rows(session: ListenerSession, ask: Ask, catalogue: Catalogue, now: float) -> frozenset[int]:
    """Return every catalogue row that may not be suggested at `now`."""
    return exclusions(session, ask, catalogue, now).rows


def of_artists(rows: Iterable[int], catalogue: Catalogue) -> set[int]:
    """Return the rows of everything by the artists of these tracks."""
    artists = set(map(catalogue.artist_of, rows))
    return set(chain.from_iterable(map(catalogue.of_artist, artists)))


def of_albums(rows: Iterable[int], catalogue: Catalogue) -> set[int]:
    """Return the rows of everything on the albums of these tracks."""
    shelves = shelves_of(catalogue)
    return {row for near in rows for row in shelves.of_album(near)}


def shortfall(found: int, asked: int, catalogue: Catalogue, taken: Mapping[str, int]) -> str | None:
    """Say why there are fewer tracks than were asked for, rule by rule; None where there are not."""
    if found >= asked:
        return None
    rules = ", ".join(f"{rule} takes {rows}" for rule, rows in sorted(taken.items(), key=lambda item: -item[1]))
    return f"{found} of {asked} tracks. Of the {len(catalogue)} tracks in the catalogue {rules or 'no rule takes any'}."
