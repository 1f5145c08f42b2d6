"""Sequential rules: what came a few steps after this track, nearer counting more.

SR of Ludewig & Jannach, Evaluation of session-based recommendation algorithms, UMUAI 2018. Knows nothing of anything
but the last track.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.trainer.baselines import popularity
from app.trainer.baselines.pairs import Pairs
from app.trainer.baselines.successors import LastTrackBaseline, Successors

STEPS = 9


class Decay(StrEnum):
    """How the weight of a pair falls with the steps d between its tracks."""

    RECIPROCAL = "reciprocal"
    QUADRATIC = "quadratic"
    LINEAR = "linear"

    def weights(self, steps: int) -> NDArray[np.float64]:
        """Return the weights (steps,) of pairs 1, 2, ... steps apart: 1/d, 1/d^2, or 1 - d/10 down to 0."""
        apart = np.arange(1, steps + 1, dtype=np.float64)
        if self is Decay.RECIPROCAL:
            return 1 / apart
        return 1 / apart**2 if self is Decay.QUADRATIC else np.maximum(0.0, 1 - apart / 10)


def fit(
    sessions: Sessions, catalogue_size: int, steps: int = STEPS, decay: Decay = Decay.QUADRATIC
) -> LastTrackBaseline:
    """Add up, for each pair of tracks up to `steps` apart, the decayed weight of each time it was heard."""
    pairs = Pairs.count(sessions, catalogue_size, decay.weights(steps))
    return LastTrackBaseline("sequential rules", Successors.of(pairs, popularity.fit(sessions, catalogue_size)))
