"""Calibration: does what is said to happen with probability 0.3 happen three times of ten?

Works on probabilities and what came of them. Knows nothing of models, and of how a temperature is fitted.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""What Guo et al. use; fewer hide errors of opposite sign within a bin, more measure the noise of each."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Targets of like probability: their number, the mean probability, and the share of which it came true."""

    targets: int
    probability: float
    share: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins from improbable to probable."""

    bins: tuple[Bin, ...]

    @property
    def error(self) -> float:
        """The expected calibration error: sum over the bins b of n_b/N |share_b - mean probability_b|.

        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3, here with bins of equal mass
        in place of equal width (Nguyen & O'Connor, EMNLP 2015): most probabilities of a next track are small.
        """
        total = sum(each.targets for each in self.bins)
        return sum(each.targets * abs(each.share - each.probability) for each in self.bins) / total

    def to_list(self) -> list[dict[str, Any]]:
        """Return the bins as plain JSON values."""
        return [asdict(each) for each in self.bins]


def reliability(probabilities: NDArray[np.float64], came_true: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Group N probabilities (N,) of events into bins of about N/bins, and compare each with how often it came true.

    Equal probabilities are never parted, so the order of the events does not matter. N is at least 1.
    """
    places = np.searchsorted(np.sort(probabilities), probabilities)
    of = places * bins // len(probabilities)
    counts = np.bincount(of, minlength=bins)
    said, happened = (np.bincount(of, values, bins) for values in (probabilities, came_true))
    return Reliability(
        tuple(Bin(int(n), float(p / n), float(h / n)) for n, p, h in zip(counts, said, happened, strict=True) if n)
    )


class ReliabilityCount:
    """What the first track and the first `depth` of each target's ranking were said to be worth, as it comes in."""

    def __init__(self, targets: int, depth: int) -> None:
        self._depths = (1, depth)
        self._said = np.full((2, targets), np.nan)
        self._came_true = np.zeros((2, targets), np.bool_)

    def add(
        self,
        targets: NDArray[np.int64],
        tracks: NDArray[np.int32],
        tops: NDArray[np.int32],
        probabilities: NDArray[np.float64],
    ) -> None:
        """Take in rankings (n, depth) of some targets (n,), which were the `tracks` (n,), and their probabilities."""
        hit = tops == tracks[:, None]
        for row, depth in enumerate(self._depths):
            self._said[row, targets] = probabilities[:, :depth].sum(1)
            self._came_true[row, targets] = hit[:, :depth].any(1)

    def reliabilities(self, wanted: NDArray[np.bool_]) -> Mapping[int, Reliability]:
        """Return by depth how reliable the probabilities of the wanted targets were; nothing where some had none."""
        if not np.isfinite(self._said[:, wanted]).all():
            return {}
        return {
            depth: reliability(said[wanted], came_true[wanted])
            for depth, said, came_true in zip(self._depths, self._said, self._came_true, strict=True)
        }
