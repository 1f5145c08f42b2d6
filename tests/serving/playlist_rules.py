"""The rules of a playlist, looked at from outside, one track after the other."""

from collections import Counter

from app.domain.catalogue import Catalogue
from app.domain.playlist import PlaylistAsk
from app.domain.shelves import shelves_of


def permitted(
    catalogue: Catalogue, ask: PlaylistAsk, heard: list[int | None], chosen: list[int | None], row: int
) -> bool:
    """What the rules say of one track after what was heard and chosen, one after the other."""
    track = catalogue[row]
    before = [catalogue[other] for other in heard if other is not None]
    if any(row in catalogue.same_song(other) for other in heard if other is not None):
        return False
    if any(row in catalogue.same_song(catalogue.index_of(name) or 0) for name in ask.exclude):
        return False
    if track.artist.lower() in ask.exclude_artists:
        return False
    if ask.artist_gap and track.artist in [other.artist for other in before[-ask.artist_gap :]]:
        return False
    gap = ask.rules.album_gap
    albums = [(other.artist, other.album) for other in before[-gap:]] if gap else []
    if track.album is not None and (track.artist, track.album) in albums:
        return False
    most = ask.rules.max_per_artist
    count = Counter(catalogue[other].artist for other in chosen if other is not None)[track.artist]
    if most is not None and count >= most:
        return False
    if track.explicit is not False and not ask.rules.explicit:
        return False
    if track.markets and ask.rules.market not in (None, *track.markets):
        return False
    return not any(row in failing for failing in shelves_of(catalogue).failing(ask.rules).values())
