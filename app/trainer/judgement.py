"""What is asked of a model that is judged, and what it answers: places, first tracks, probabilities.

Knows nothing of figures, or of how a model ranks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a model made of some targets.

    targets (n,) are positions in `Targets.of(sessions)`; places (n,) count from 1 over the whole catalogue, ties
    against the model; tops (n, depth) are the catalogue rows ranked first, -1 where the model has no more to say;
    log_probabilities (n,) are those of the targets, probabilities (n, depth) those of `tops`; None for a model without.
    """

    targets: NDArray[np.int64]
    places: NDArray[np.int64]
    tops: NDArray[np.int32]
    log_probabilities: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None


class Judged(Protocol):
    """A model that can be judged: it says, for every target, where it ranks it and what it ranks first."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def catalogue_size(self) -> int:
        """How many tracks it ranks."""

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Yield judgements that together hold each target of the sessions once, in any order."""
