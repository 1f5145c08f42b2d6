"""A playlist as far as it has come: what was chosen, and what may not come next because of it.

Knows nothing of rankings.
"""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from copy import copy

from app.domain.catalogue import Catalogue
from app.domain.playlist import PlaylistAsk, playing_s
from app.domain.policy import Exclusions, of_albums, of_artists
from app.domain.spelling import text_key


class PlaylistProgress:
    """The chosen rows so far. `standing` is excluded from the first track to the last.

    `heard` was read before, oldest first, and what of it is a `seed` does not come again however long ago it was read.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        ask: PlaylistAsk,
        standing: Exclusions,
        heard: Sequence[int],
        seeds: Iterable[int] = (),
    ) -> None:
        self._catalogue = catalogue
        self._ask = ask
        self._standing = standing.by_rule
        self._excluded = standing.rows
        self._heard = list(heard)
        self._chosen = 0
        self._played_s = 0
        self._songs = {release for row in seeds for release in catalogue.same_song(row)}
        self._count: Counter[str] = Counter()
        self._saturated: set[int] = set()

    @property
    def heard(self) -> Sequence[int]:
        """Everything that was read so far, oldest first."""
        return self._heard

    @property
    def is_full(self) -> bool:
        """Whether there are as many tracks, or as many seconds, as were asked for."""
        filled = self._ask.duration_s is not None and self._played_s >= self._ask.duration_s
        return filled or self._chosen == self._ask.length

    @property
    def excluded(self) -> frozenset[int]:
        """Every row that may not come next."""
        return self._excluded.union(*self._moving.values())

    @property
    def taken(self) -> dict[str, int]:
        """How many rows each rule takes now; the songs of the playlist itself are `heard`, too."""
        by_rule = {**self._standing, **self._moving}
        by_rule["heard"] = self._songs.union(self._standing.get("heard", ()))
        return {rule: len(rows) for rule, rows in by_rule.items() if rows}

    def after(self, row: int) -> "PlaylistProgress":
        """Return the progress with the next track; this one stays where it is, for another next track."""
        further = copy(self)
        further._heard, further._songs = self._heard.copy(), self._songs.copy()
        further._count, further._saturated = self._count.copy(), self._saturated.copy()
        further._chosen += 1
        further._played_s += playing_s(self._catalogue[row])
        further.go_on_after(row)
        return further

    def go_on_after(self, row: int) -> None:
        """Take in a track that the playlist had before: every rule counts it, the length does not."""
        track = self._catalogue[row]
        self._heard.append(row)
        self._songs.update(self._catalogue.same_song(row))
        self._count[text_key(track.artist)] += 1
        if self._count[text_key(track.artist)] == self._ask.rules.max_per_artist:
            self._saturated.update(self._catalogue.of_artist(track.artist))

    @property
    def _moving(self) -> dict[str, Set[int]]:
        """The rows that may not come because of what was chosen or heard, by rule."""
        ask = self._ask
        return {
            "heard": self._songs,
            "artist_gap": of_artists(self._last(ask.artist_gap), self._catalogue),
            "album_gap": of_albums(self._last(ask.rules.album_gap), self._catalogue),
            "max_per_artist": self._saturated,
        }

    def _last(self, count: int) -> Sequence[int]:
        return self._heard[-count:] if count else ()
