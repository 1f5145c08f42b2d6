"""For each track, what may follow it, best first: the table behind every baseline that looks at the last track only.

Knows nothing of how the weights came about.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.trainer.baselines.pairs import Pairs
from app.trainer.baselines.popularity import Popularity
from app.trainer.judgement import Judgement
from app.trainer.targets import Targets

_BLOCK = 16384


@dataclass(frozen=True, eq=False)
class Successors:
    """A list of followers for each of the V tracks; all others follow by popularity.

    starts (V + 1,) and tracks (n,) are the lists. keys (n,), ascending, with positions (n,) and weights (n,), find
    one track in one list: key = row * V + track.
    """

    starts: NDArray[np.int64]
    tracks: NDArray[np.int32]
    keys: NDArray[np.int64]
    positions: NDArray[np.int32]
    weights: NDArray[np.float64]
    popularity_keys: NDArray[np.int64]
    popularity: Popularity

    @classmethod
    def of(cls, pairs: Pairs, popularity: Popularity) -> "Successors":
        """Sort the followers of each track by weight, equal ones by the pairs' tie order."""
        V = popularity.catalogue_size
        rows, tracks = np.divmod(pairs.keys, V)
        # Rounded: the same weights added up in another order differ in their last digits.
        order = np.lexsort((pairs.tie_order, -pairs.weights.round(9), rows))
        starts = np.searchsorted(rows, np.arange(V + 1)).astype(np.int64)
        positions = np.empty(len(tracks), np.int32)
        positions[order] = np.arange(len(tracks)) - starts[rows] + 1
        popularity_keys = np.sort(rows * (V + 1) + popularity.places[tracks])
        return cls(
            starts, tracks[order].astype(np.int32), pairs.keys, positions, pairs.weights, popularity_keys, popularity
        )

    def places(self, previous: NDArray[np.int32], tracks: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the place (n,) of each track after each previous one.

        A track outside the list stands behind all of the list and behind the other tracks played as often or more.
        """
        V = self.popularity.catalogue_size
        popular = self.popularity.places[tracks]
        listed = np.searchsorted(self.popularity_keys, previous.astype(np.int64) * (V + 1) + popular, side="right")
        both = listed - self.starts[previous]
        places = np.diff(self.starts)[previous] + popular - both
        entries, present = self._find(previous, tracks)
        places[present] = self.positions[entries[present]]
        return places

    def weights_of(self, previous: NDArray[np.int32], tracks: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the weight (n,) of each track after each previous one, 0 outside the list."""
        entries, present = self._find(previous, tracks)
        weights = np.zeros(len(tracks))
        weights[present] = self.weights[entries[present]]
        return weights

    def tops(self, previous: NDArray[np.int32], depth: int) -> NDArray[np.int32]:
        """Return the first tracks (n, depth) after each previous one."""
        depth = min(depth, self.popularity.catalogue_size)
        rows, inverse = np.unique(previous, return_inverse=True)
        entries = self.starts[rows][:, None] + np.arange(depth)
        listed = entries < self.starts[rows + 1][:, None]
        followers = np.full(entries.shape, -1, np.int32)
        followers[listed] = self.tracks[entries[listed]]
        # A list shorter than depth can hold at most depth of the first 2 * depth popular tracks.
        popular = self.popularity.order[: 2 * depth]
        pairs = np.repeat(rows, len(popular)), np.tile(popular, len(rows))
        fresh = ~self._find(*pairs)[1].reshape(len(rows), -1)
        candidates = np.concatenate([followers, np.broadcast_to(popular, fresh.shape)], axis=1)
        kept = np.argsort(~np.concatenate([listed, fresh], axis=1), axis=1, kind="stable")[:, :depth]
        return np.take_along_axis(candidates, kept, axis=1)[inverse]

    def _find(
        self, previous: NDArray[np.int32], tracks: NDArray[np.int32]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        wanted = previous.astype(np.int64) * self.popularity.catalogue_size + tracks
        entries = np.searchsorted(self.keys, wanted)
        present = entries < len(self.keys)
        present[present] = self.keys[entries[present]] == wanted[present]
        return entries, present


@dataclass(frozen=True, eq=False)
class LastTrackBaseline:
    """A baseline that ranks by the last track alone."""

    name: str
    successors: Successors

    @property
    def catalogue_size(self) -> int:
        """How many tracks it ranks."""
        return self.successors.popularity.catalogue_size

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Look each target up in the list of the track before it."""
        targets = Targets.of(sessions)
        for first in range(0, len(targets), _BLOCK):
            rows = np.arange(first, min(first + _BLOCK, len(targets)))
            previous = targets.previous[rows]
            places = self.successors.places(previous, targets.tracks[rows])
            yield Judgement(rows, places, self.successors.tops(previous, depth))
