"""The plainest baseline: the most played tracks, in the same order for everyone.

The other baselines fall back on this order for tracks they have nothing to say about. Knows nothing of what was
heard before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.trainer.judgement import Judgement
from app.trainer.targets import Targets, play_counts

_BLOCK = 65536


@dataclass(frozen=True, eq=False)
class Popularity:
    """How often each track was played in training, counts (V,)."""

    counts: NDArray[np.int64]
    name: str = "popularity"

    @property
    def catalogue_size(self) -> int:
        """How many tracks it ranks."""
        return len(self.counts)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place (V,) of each track: how many tracks are played as often or more, itself included."""
        return self.catalogue_size - np.searchsorted(np.sort(self.counts), self.counts, side="left")

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """All tracks (V,), most played first; equally played ones in catalogue order."""
        return np.argsort(-self.counts, kind="stable").astype(np.int32)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """(count + 1) / (plays + V): Laplace's rule of succession, so that no track is impossible."""
        probabilities: NDArray[np.float64] = (self.counts + 1) / (self.counts.sum() + self.catalogue_size)
        return probabilities

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Rank by play count."""
        targets = Targets.of(sessions)
        best = self.order[:depth]
        for first in range(0, len(targets), _BLOCK):
            rows = np.arange(first, min(first + _BLOCK, len(targets)))
            tracks = targets.tracks[rows]
            tops = np.broadcast_to(best, (len(rows), len(best)))
            yield Judgement(rows, self.places[tracks], tops, np.log(self.probabilities[tracks]))


def fit(sessions: Sessions, catalogue_size: int) -> Popularity:
    """Count the plays."""
    return Popularity(play_counts(sessions, catalogue_size))
