"""Which tracks are heard a few steps after which, counted over all sessions.

Knows nothing of what is made of the counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions


@dataclass(frozen=True, eq=False)
class Pairs:
    """Ordered pairs of tracks: keys (n,) = row * V + follower, ascending, each with its weight.

    tie_order (n,) says which of equally heavy pairs of a row stands first: the lower.
    """

    keys: NDArray[np.int64]
    weights: NDArray[np.float64]
    tie_order: NDArray[np.int64]

    @classmethod
    def count(cls, sessions: Sessions, catalogue_size: int, step_weights: NDArray[np.float64]) -> "Pairs":
        """Add up step_weights[d - 1] for each time two tracks are heard d steps apart in a session.

        Of equally heavy pairs the one heard first, by its later event, stands first.
        """
        session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
        tracks = sessions.tracks.astype(np.int64)
        pairs = cls(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
        # One step at a time: memory stays near the number of different pairs, not events times steps.
        for step, weight in enumerate(step_weights, start=1):
            if weight <= 0 or step >= len(tracks):
                continue
            later = np.flatnonzero(session[step:] == session[:-step]) + step
            keys = tracks[later - step] * catalogue_size + tracks[later]
            pairs = pairs._joined(keys, np.full(len(keys), weight), later)
        return pairs

    def _joined(self, keys: NDArray[np.int64], weights: NDArray[np.float64], tie_order: NDArray[np.int64]) -> "Pairs":
        keys = np.concatenate([self.keys, keys])
        if not len(keys):
            return self
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        return Pairs(
            keys[starts],
            np.add.reduceat(np.concatenate([self.weights, weights])[order], starts),
            np.minimum.reduceat(np.concatenate([self.tie_order, tie_order])[order], starts),
        )
