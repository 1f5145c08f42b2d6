"""Which tracks a training step ranks: all of them, or the targets among sampled negatives.

Knows nothing of networks or losses; it hands over catalogue rows and how likely each was to be among them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Candidates:
    """The tracks one step ranks: `rows` (C,) distinct and ascending, None for the whole catalogue.

    `columns` (N,) is each target's position among them. `correction` (C,) is -log of the probability that a track is
    among the candidates, to be added to its logit wherever it is not the target; None when all are.
    """

    rows: NDArray[np.int64] | None
    columns: NDArray[np.int64]
    correction: NDArray[np.float32] | None


class WholeCatalogue:
    """Ranks every track: the exact softmax, for catalogues where that is quick."""

    def candidates(self, targets: NDArray[np.int64], generator: np.random.Generator) -> Candidates:  # noqa: ARG002
        """Return the whole catalogue, in which each target stands at its own row."""
        return Candidates(None, targets, None)


class SampledNegatives:
    """Ranks the targets of a batch among tracks drawn with replacement in proportion to (plays)^power.

    One draw serves all targets of the batch, and these are negatives for each other. The candidates are a set, so a
    track that is drawn, or is the target of another listener, and is the target itself too, counts once, as the
    target: accidental hits cannot occur.

    The correction makes the sampled sum of exponentials an unbiased estimate of the sum over the catalogue
    (logQ; Bengio & Senecal, IEEE TNN 2008, eq. 8; Yi et al., RecSys 2019, for items met as other rows' targets).
    A track is in the set unless all M draws and all N targets of the batch miss it, so
    P = 1 - (1 - q)^M (1 - p)^N, with q the sampling and p the playing probability.
    """

    def __init__(self, plays: NDArray[np.int64], negatives: int, power: float) -> None:
        # Half a play for tracks that were never heard, so that they too are pushed away where they do not belong.
        weights = np.maximum(plays, 0.5) ** power
        sampling = weights / weights.sum()
        playing = np.minimum(plays / max(int(plays.sum()), 1), 0.999)
        self._negatives = negatives
        self._cumulative = np.cumsum(sampling)
        self._log_missed_by_draw = np.log1p(-np.minimum(sampling, 0.999))
        self._log_missed_by_target = np.log1p(-playing)

    def candidates(self, targets: NDArray[np.int64], generator: np.random.Generator) -> Candidates:
        """Return the targets (N,) among freshly drawn negatives."""
        drawn = np.searchsorted(self._cumulative, generator.random(self._negatives) * self._cumulative[-1], "right")
        rows = np.unique(np.concatenate([targets, np.minimum(drawn, len(self._cumulative) - 1)]))
        missed = self._negatives * self._log_missed_by_draw[rows] + len(targets) * self._log_missed_by_target[rows]
        correction = -np.log(-np.expm1(missed))
        return Candidates(rows, np.searchsorted(rows, targets), correction.astype(np.float32))


def candidates_for(
    plays: NDArray[np.int64], negatives: int, power: float, full_softmax_up_to: int
) -> WholeCatalogue | SampledNegatives:
    """Return the way to choose candidates for a catalogue with these play counts (V,)."""
    small = len(plays) <= max(full_softmax_up_to, negatives)
    return WholeCatalogue() if small else SampledNegatives(plays, negatives, power)
