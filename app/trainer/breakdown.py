"""Where a model is good: recall by position in the session and by how known the target is.

Knows nothing of models; it groups places.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.trainer.metrics import HEADLINE, hits
from app.trainer.resampling import SessionTotals

_POSITIONS = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 50), (51, None))
_POPULARITIES = ((0, 0), (1, 4), (5, 19), (20, 99), (100, 499), (500, 1999), (2000, None))
_RESAMPLES = 200


@dataclass(frozen=True)
class Slice:
    """Recall@20 on the targets of one group, with its 95 % interval."""

    label: str
    targets: int
    recall: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "label": self.label,
            "targets": self.targets,
            f"recall@{HEADLINE}": self.recall,
            "interval": [self.low, self.high],
        }


def slice_of(label: str, totals: SessionTotals) -> Slice:
    """Return Recall@20 of one group from its totals."""
    name = f"recall@{HEADLINE}"
    interval = totals.intervals(_RESAMPLES)[name]
    return Slice(label, totals.targets, totals.means()[name], interval.low, interval.high)


def by_position(
    places: NDArray[np.int64], position: NDArray[np.int64], session: NDArray[np.int64]
) -> tuple[Slice, ...]:
    """Group targets by how many tracks were heard before them; all arrays (N,)."""
    return tuple(_slices(places, position, session, _POSITIONS))


def by_popularity(
    places: NDArray[np.int64], support: NDArray[np.int64], session: NDArray[np.int64]
) -> tuple[Slice, ...]:
    """Group targets by how often each was played in training; all arrays (N,)."""
    return tuple(_slices(places, support, session, _POPULARITIES))


def _slices(
    places: NDArray[np.int64],
    values: NDArray[np.int64],
    session: NDArray[np.int64],
    ranges: Iterable[tuple[int, int | None]],
) -> Iterable[Slice]:
    for low, high in ranges:
        inside = (values >= low) & (values <= (values.max() if high is None else high))
        if not inside.any():
            continue
        label = f"{low}+" if high is None else str(low) if low == high else f"{low}–{high}"
        yield slice_of(label, SessionTotals.of(session[inside], {f"recall@{HEADLINE}": hits(places[inside], HEADLINE)}))
