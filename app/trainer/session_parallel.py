"""Session-parallel mini-batches: some sessions side by side, one step of each at a time.

    lanes = 2, sessions [1, 2, 3], [4, 5], [6, 7]:
        step            0          1
        inputs      1    4     2    6
        targets     2    5     3    7
        begins    yes  yes    no  yes

Where a session ends, the next one takes its lane and its hidden state begins anew (Hidasi et al., ICLR 2016, section
3.1.1). Lanes that find no further session stay empty, so that every event is learned from. Knows nothing of networks.
"""

import heapq

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.errors import NothingToLearn
from app.rnn.network import PADDING
from app.trainer.batches import Batch

_EMPTY = -1


class SessionParallel:
    """The mini-batches of a set of sessions; sessions come in a new order in each epoch, the same for the same seed."""

    def __init__(self, sessions: Sessions, lanes: int) -> None:
        lengths = np.diff(sessions.offsets)
        usable = np.flatnonzero(lengths > 1)
        if not len(usable):
            raise NothingToLearn(
                f"Expected sessions of at least two tracks to learn from, got {len(sessions)} shorter ones. "
                "Import more listening, or cut it into longer sessions."
            )
        self._tracks = sessions.tracks.astype(np.int64)
        self._firsts = sessions.offsets[:-1][usable]
        self._steps = lengths[usable] - 1
        self._begins = np.zeros(len(self._tracks), np.bool_)
        self._begins[self._firsts] = True
        self._lanes = lanes

    @property
    def events(self) -> int:
        """Targets per epoch."""
        return int(self._steps.sum())

    def epoch(self, seed: int, epoch: int) -> list[NDArray[np.int64]]:
        """Return for each step of the epoch the event every lane reads (lanes,), -1 for an empty lane."""
        order = np.random.default_rng([seed, epoch]).permutation(len(self._steps))
        free = [(0, lane) for lane in range(self._lanes)]
        lane_of, starts = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
        for number, steps in enumerate(self._steps[order].tolist()):
            at, lane = free[0]
            lane_of[number], starts[number] = lane, at
            heapq.heapreplace(free, (at + steps, lane))
        steps = self._steps[order]
        within = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)
        plan = np.full((max(free)[0], self._lanes), _EMPTY, np.int64)
        plan[np.repeat(starts, steps) + within, np.repeat(lane_of, steps)] = (
            np.repeat(self._firsts[order], steps) + within
        )
        return list(plan)

    def batch(self, events: NDArray[np.int64]) -> Batch:
        """Return one step of all lanes: inputs and targets (lanes, 1), and which lanes begin a session."""
        present = events != _EMPTY
        inputs = np.where(present, self._tracks[events], PADDING)
        targets = np.where(present, self._tracks[np.minimum(events + 1, len(self._tracks) - 1)], PADDING)
        return Batch(inputs[:, None], targets[:, None], present & self._begins[events])
