"""How far a figure could be off: bootstrap intervals over sessions.

Sessions are resampled, not targets, because the targets of one session are not independent of each other. Knows
nothing of what the figures mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 400
SEED = 20140601
_BLOCK = 32  # resamples at a time: 32 x 100,000 sessions of float64 is 26 MB


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a figure under resampling."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class SessionTotals:
    """Per session: its number (S,), how many targets it holds, counts (S,), the sum of each figure over them (S, M)."""

    names: tuple[str, ...]
    sessions: NDArray[np.int64]
    counts: NDArray[np.float64]
    sums: NDArray[np.float64]

    @classmethod
    def of(cls, session: NDArray[np.int64], figures: dict[str, NDArray[np.float64]]) -> "SessionTotals":
        """Add up figures (N,) per target by the session (N,) each target is in; sessions without targets drop out."""
        kept, dense = np.unique(session, return_inverse=True)
        counts = np.bincount(dense, minlength=len(kept)).astype(np.float64)
        sums = [np.bincount(dense, weights=values, minlength=len(kept)) for values in figures.values()]
        return cls(tuple(figures), kept, counts, np.stack(sums, axis=1))

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def targets(self) -> int:
        """How many targets all sessions hold together."""
        return int(self.counts.sum())

    def among(self, sessions: NDArray[np.int64]) -> "SessionTotals":
        """Return the totals of some sessions by their numbers, numbered anew from 0 in the order of `sessions`.

        `sessions` (n,) grows. So what was counted over all sessions can be held against what was counted over some.
        """
        at = np.searchsorted(sessions, self.sessions)
        wanted = (at < len(sessions)) & (sessions[np.minimum(at, len(sessions) - 1)] == self.sessions)
        return SessionTotals(self.names, at[wanted], self.counts[wanted], self.sums[wanted])

    def means(self) -> dict[str, float]:
        """Return each figure's mean over all targets."""
        return dict(zip(self.names, (self.sums.sum(axis=0) / self.counts.sum()).tolist(), strict=True))

    def intervals(self, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, Interval]:
        """Return the 95 % percentile interval of each mean.

        Each resample draws S sessions with replacement and takes sum / count again (the percentile method: Efron &
        Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). The same seed gives the same intervals.
        """
        number = len(self.counts)
        random = np.random.default_rng(seed)
        means = []
        for first in range(0, resamples, _BLOCK):
            block = min(_BLOCK, resamples - first)
            drawn = np.stack(
                [np.bincount(random.integers(number, size=number), minlength=number) for _ in range(block)]
            )
            means.append((drawn @ self.sums) / (drawn @ self.counts)[:, None])
        low, high = np.percentile(np.concatenate(means), (2.5, 97.5), axis=0)
        return {name: Interval(float(low[m]), float(high[m])) for m, name in enumerate(self.names)}

    def minus(self, other: "SessionTotals") -> "SessionTotals":
        """Return the difference in each figure, session by session.

        Paired differences vary far less than two models apart from each other: both find the same sessions hard.
        """
        self.check_comparable(other)
        return SessionTotals(self.names, self.sessions, self.counts, self.sums - other.sums)

    def summed(self, name: str, of: Sequence[str]) -> "SessionTotals":
        """Return the totals of one figure: the sum of these."""
        columns = [self.names.index(figure) for figure in of]
        return SessionTotals((name,), self.sessions, self.counts, self.sums[:, columns].sum(1, keepdims=True))

    def check_comparable(self, other: "SessionTotals") -> None:
        """Raise ValueError unless both are totals of the same targets."""
        same = np.array_equal(self.sessions, other.sessions) and np.array_equal(self.counts, other.counts)
        if self.names != other.names or not same:
            raise ValueError("Expected two models judged on the same targets, got different ones.")
