"""Sessions read by a network from the start state to their end: what it has to say before each target.

Sessions of like length are read side by side. Knows nothing of rankings or figures.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.dataset.folder import Sessions
from app.rnn.evidence import HEARD
from app.rnn.network import PADDING, RecurrentNetwork

_EVENTS = 4096  # read at once: outputs of 4,096 x 1,024 floats are 16 MB
_WINDOW = 256  # steps at once of a long session; the hidden state is carried on


class Read(NamedTuple):
    """Some targets: outputs (n, K) before them, their numbers in `Targets.of(sessions)` (n,), their tracks (n,).

    `events` (n,) are the positions in `Sessions.tracks` of the tracks heard last, `starts` (n,) those of the first
    tracks of their sessions.
    """

    outputs: Tensor
    targets: NDArray[np.int64]
    tracks: Tensor
    events: NDArray[np.int64]
    starts: NDArray[np.int64]

    def some(self, part: slice) -> "Read":
        """Return some of the targets."""
        return Read(self.outputs[part], self.targets[part], self.tracks[part], self.events[part], self.starts[part])


def read(network: RecurrentNetwork, sessions: Sessions) -> Iterator[Read]:
    """Read all sessions in some order; together the parts hold each target once. The caller sets the network's mode."""
    for rows in _batches(sessions):
        yield from _read(network, sessions, rows)


def heard_before(sessions: Sessions, events: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the newest tracks (n, HEARD) of sessions up to `events`, as `evidence.heard_rows` makes them."""
    positions = events[:, None] - np.arange(HEARD - 1, -1, -1)
    return np.where(positions >= starts[:, None], sessions.tracks[np.maximum(positions, 0)], -1).astype(np.int64)


def _read(network: RecurrentNetwork, sessions: Sessions, rows: NDArray[np.int64]) -> Iterator[Read]:
    starts = sessions.offsets[rows][:, None]
    lengths = np.diff(sessions.offsets)[rows][:, None]
    hidden = None
    for first in range(0, int(lengths.max()) - 1, _WINDOW):
        steps = np.arange(first, min(first + _WINDOW, int(lengths.max()) - 1))
        asked = steps < lengths - 1
        events = np.minimum(starts + steps, len(sessions.tracks) - 2)
        heard = np.where(asked, sessions.tracks[events], PADDING).astype(np.int64)
        outputs, hidden = network(torch.from_numpy(heard), hidden)
        # Before target i of session s stand i + 1 events of s and all earlier sessions, each with one non-target.
        targets = (events - rows[:, None])[asked]
        tracks = torch.from_numpy(sessions.tracks[(events + 1)[asked]].astype(np.int64))
        of_asked = torch.from_numpy(asked)
        yield Read(outputs[of_asked], targets, tracks, events[asked], np.broadcast_to(starts, asked.shape)[asked])


def _batches(sessions: Sessions) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of sessions with targets, those of like length together, about 4,096 events at a time."""
    lengths = np.diff(sessions.offsets)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 1]
    first = 0
    while first < len(order):
        steps = np.minimum(lengths[order[first:]] - 1, _WINDOW)
        # Sorted, so the last session of a batch is its longest: number x longest must fit.
        fits = int(np.searchsorted(steps * np.arange(1, len(steps) + 1), _EVENTS, side="right"))
        yield order[first : first + max(fits, 1)]
        first += max(fits, 1)
