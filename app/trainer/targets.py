"""What a model is asked to foresee: every track of every session but the first, from the tracks before it.

Knows nothing of models or of how they are judged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions


@dataclass(frozen=True, eq=False)
class Targets:
    """The N targets of some sessions, in session order and playing order.

    For sessions [7, 8, 9] and [5, 6]: tracks [8, 9, 6], previous [7, 8, 5], session [0, 0, 1], position [1, 2, 1].
    """

    tracks: NDArray[np.int32]
    previous: NDArray[np.int32]
    session: NDArray[np.int64]
    position: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tracks)

    @classmethod
    def of(cls, sessions: Sessions) -> "Targets":
        """Return every position from 1 on of every session."""
        lengths = np.diff(sessions.offsets)
        session = np.repeat(np.arange(len(sessions)), lengths)
        position = np.arange(len(sessions.tracks)) - np.repeat(sessions.offsets[:-1], lengths)
        events = np.flatnonzero(position)
        return cls(sessions.tracks[events], sessions.tracks[events - 1], session[events], position[events])


def play_counts(sessions: Sessions, catalogue_size: int) -> NDArray[np.int64]:
    """Return how often each track of the catalogue is played, (V,)."""
    return np.bincount(sessions.tracks, minlength=catalogue_size).astype(np.int64)
