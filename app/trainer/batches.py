"""Sessions as padded batches: whole sessions side by side, those of like length together.

    sessions [7, 8, 9] and [5, 6], with their start learned:
        inputs   -1  7  8        targets   7  8  9
                 -1  5 -1                  5  6 -1

-1 pads, and stands for the start where a session has not begun. Knows nothing of networks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.errors import NothingToLearn
from app.rnn.network import PADDING

_LENGTH_JITTER = 1.5
"""Sessions whose lengths differ by less than this are mixed anew in each epoch, at little cost in padding."""


@dataclass(frozen=True, eq=False)
class Batch:
    """inputs and targets (B, T), catalogue rows or PADDING; a target of PADDING is not asked for.

    `begins` (B,) tells which rows begin a session while the others read on from the batch before; None: all begin.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    begins: NDArray[np.bool_] | None = None


class Batches:
    """The batches of a set of sessions, shuffled anew in each epoch, the same for the same seed and epoch.

    With a `half_life` an epoch holds new sessions several times and old ones now and then: half as often for every such
    share of the sessions that came after them. Epochs stay about as long.
    """

    def __init__(
        self, sessions: Sessions, batch_events: int, window: int, learn_start: bool, half_life: float = 0.0
    ) -> None:
        lengths = np.diff(sessions.offsets)
        targets = lengths - 1
        pieces = np.maximum(-(-targets // window), 1 if learn_start else 0)
        session = np.repeat(np.arange(len(sessions)), pieces)
        piece = np.arange(len(session)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        self._tracks = sessions.tracks
        # A window reads `_sizes` tracks from `_firsts` on; each but the first of a session reads on from a track
        # the one before has foretold.
        self._firsts = sessions.offsets[:-1][session] + piece * window
        self._sizes = np.minimum(targets[session] - piece * window, window)
        self._begins = (piece == 0) & learn_start
        self._times = _recency(session / max(len(sessions), 1), self._sizes + self._begins, half_life)
        self._learn_start = learn_start
        self._batch_events = batch_events
        if not len(session):
            raise NothingToLearn(
                f"Expected sessions of at least two tracks to learn from, got {len(sessions)} shorter ones. "
                "Import more listening, or cut it into longer sessions."
            )

    @property
    def events(self) -> int:
        """Targets per epoch."""
        return int(self._sizes.sum() + self._begins.sum())

    def epoch(self, seed: int, epoch: int) -> list[NDArray[np.int64]]:
        """Return the epoch's batches as positions of windows; `batch` makes each of them."""
        generator = np.random.default_rng([seed, epoch])
        order = np.argsort(self._sizes + generator.random(len(self._sizes)) * _LENGTH_JITTER, kind="stable")
        if self._times is not None:
            # Those of a length stay together; what is over after whole times is drawn.
            order = np.repeat(order, np.floor(self._times + generator.random(len(order))).astype(np.int64)[order])
        events = np.cumsum(self._sizes[order] + self._begins[order])
        borders = np.flatnonzero(np.diff((events - 1) // self._batch_events)) + 1
        batches = np.split(order, borders)
        return [batches[position] for position in generator.permutation(len(batches))]

    def batch(self, windows: NDArray[np.int64]) -> Batch:
        """Return the padded batch of these windows."""
        sizes = self._sizes[windows][:, None]
        steps = np.arange(int(sizes.max()) + 1)
        events = np.minimum(self._firsts[windows][:, None] + steps, len(self._tracks) - 1)
        tracks = np.where(steps <= sizes, self._tracks[events], PADDING).astype(np.int64)
        if not self._learn_start:
            return Batch(tracks[:, :-1], tracks[:, 1:])
        # The last track is foretold but not read.
        read = np.where(steps < sizes, tracks, PADDING)[:, :-1]
        inputs = np.concatenate([np.full((len(windows), 1), PADDING), read], 1)
        targets = tracks.copy()
        targets[~self._begins[windows], 0] = PADDING
        return Batch(inputs, targets)


def _recency(moments: NDArray[np.float64], events: NDArray[np.int64], half_life: float) -> NDArray[np.float64] | None:
    """Return how often (n,) an epoch holds windows of these moments, from 0 to 1, and events; None for once each."""
    if not half_life or not len(moments):
        return None
    weights = np.exp2((moments - moments.max()) / half_life)
    times: NDArray[np.float64] = weights / np.average(weights, weights=events)
    return times


def in_order(sessions: Sessions, batch_events: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield sessions of like length as padded tracks (B, T) with their positions (B,), each session once."""
    lengths = np.diff(sessions.offsets)
    order = np.argsort(lengths, kind="stable")
    borders = np.flatnonzero(np.diff((np.cumsum(lengths[order]) - 1) // batch_events)) + 1
    for positions in np.split(order, borders):
        if not len(positions):
            continue
        steps = np.arange(int(lengths[positions].max()))
        events = np.minimum(sessions.offsets[positions][:, None] + steps, len(sessions.tracks) - 1)
        present = steps < lengths[positions][:, None]
        yield np.where(present, sessions.tracks[events], PADDING).astype(np.int64), positions
