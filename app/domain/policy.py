"""What may not come next for this listener, and why there is a limit to asking.

Knows nothing of probabilities: it only names the rows a ranking must leave out.
"""

from collections.abc import Iterable

from app.domain.blocks import holding
from app.domain.catalogue import Catalogue
from app.domain.recommendation import Ask
from app.domain.session import ListenerSession


def excluded_rows(session: ListenerSession, ask: Ask, catalogue: Catalogue, now: float) -> frozenset[int]:
    """Return every catalogue row that may not be suggested at `now`.

    What was heard lately is left out with all its releases, unless the caller allows repeats; what the listener
    skipped in this listening session, blocked tracks and artists and the caller's own exclusions always are.
    """
    rows = _songs((block.what for block in holding(session.blocked_tracks, now)), catalogue)
    rows |= _songs(ask.exclude, catalogue)
    rows |= _songs((heard.track_id for heard in session.current if heard.kind.withdraws), catalogue)
    if not ask.allow_repeats:
        rows |= _songs((heard.track_id for heard in session.recent), catalogue)
        rows |= _songs(ask.recent, catalogue)
    blocked_artists = (block.what for block in holding(session.blocked_artists, now))
    for artist in (*blocked_artists, *ask.exclude_artists):
        rows.update(catalogue.of_artist(artist))
    if ask.artist_gap:
        heard_ids = (*ask.recent, *(heard.track_id for heard in session.recent))
        for artist in artists_of(heard_ids[-ask.artist_gap :], catalogue):
            rows.update(catalogue.of_artist(artist))
    return frozenset(rows)


def artists_of(track_ids: Iterable[str], catalogue: Catalogue) -> set[str]:
    """Return the artists of those tracks the catalogue holds."""
    rows = (catalogue.index_of(track_id) for track_id in track_ids)
    return {catalogue[row].artist for row in rows if row is not None}


def _songs(track_ids: Iterable[str], catalogue: Catalogue) -> set[int]:
    rows: set[int] = set()
    for track_id in track_ids:
        row = catalogue.index_of(track_id)
        if row is not None:
            rows.update(catalogue.same_song(row))
    return rows
