"""The first-order Markov chain: what followed this track most often.

Knows nothing of anything but the last track.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.trainer.baselines import popularity
from app.trainer.baselines.pairs import Pairs
from app.trainer.baselines.successors import LastTrackBaseline, Successors
from app.trainer.judgement import Judgement
from app.trainer.targets import Targets


@dataclass(frozen=True, eq=False)
class Markov(LastTrackBaseline):
    """Transition counts; sums (V,) counts what followed each track."""

    sums: NDArray[np.float64]

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Rank by transition count; say the probability of each target as well."""
        targets = Targets.of(sessions)
        for judgement in super().judge(sessions, depth):
            previous, tracks = targets.previous[judgement.targets], targets.tracks[judgement.targets]
            logs = np.log(self.probabilities(previous, tracks))
            yield Judgement(judgement.targets, judgement.places, judgement.tops, logs)

    def probabilities(self, previous: NDArray[np.int32], tracks: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return p(track | previous), (n,), in which Witten-Bell smoothing makes the unseen possible.

        p = (c(a, b) + n(a) q(b)) / (c(a) + n(a)), n(a) the number of different tracks seen after a and q Laplace's
        play frequency (Witten & Bell, IEEE Trans. Inf. Theory 1991, method C); q alone where nothing followed a.
        """
        different = np.diff(self.successors.starts)[previous]
        background = self.successors.popularity.probabilities[tracks]
        seen = self.successors.weights_of(previous, tracks) + different * background
        return np.where(different == 0, background, seen / np.maximum(self.sums[previous] + different, 1))


def fit(sessions: Sessions, catalogue_size: int) -> Markov:
    """Count what follows what."""
    pairs = Pairs.count(sessions, catalogue_size, np.ones(1))
    sums = np.bincount(pairs.keys // catalogue_size, weights=pairs.weights, minlength=catalogue_size)
    return Markov("markov", Successors.of(pairs, popularity.fit(sessions, catalogue_size)), sums.astype(np.float64))
