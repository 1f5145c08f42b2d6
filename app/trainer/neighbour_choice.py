"""Which way of searching past sessions foresees listening best: a short walk from setting to setting.

Knows nothing of networks; the neighbours are judged alone.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.rnn.memory import Memory
from app.rnn.neighbours import NeighbourSettings, nearest, votes

# One after the other; each is kept if it helps.
_TRIED: tuple[dict[str, Any], ...] = (
    {"decay": 0.9},
    {"decay": 0.6},
    {"recency": 0.0},
    {"recency": 2.0},
    {"count": 50},
    {"count": 400},
    {"rarity": 0.5},
    {"length": 0.5},
)
# The worth of the votes of `neighbours.VOTES`: a rough guess, good enough to compare settings by.
_WORTH = np.array([0.2, 0.3, 1.0, 0.4, 0.0])
_LEAST_GAIN = 0.002
_BEGIN = NeighbourSettings()
_CUTOFF = 20
_AT_ONCE = 64


def choose_neighbours(
    memory: Memory,
    heard: NDArray[np.int64],
    targets: NDArray[np.int64],
    on_tried: Callable[[int, int], None] = lambda _done, _of: None,
    begin: NeighbourSettings = _BEGIN,
) -> NeighbourSettings:
    """Return settings with which the neighbours foresee the targets (n,) after what was heard (n, HEARD) best.

    The walk sets out at `begin`; where no neighbours are to speak there is nothing to choose.
    """
    if not begin.neighbours:
        return begin
    best = begin
    goodness = neighbour_goodness(memory, heard, targets, best)
    for number, changes in enumerate(_TRIED, 1):
        on_tried(number, len(_TRIED))
        tried = replace(best, **changes)
        found = neighbour_goodness(memory, heard, targets, tried)
        if found > goodness + _LEAST_GAIN:
            best, goodness = tried, found
    return best


def neighbour_goodness(
    memory: Memory, heard: NDArray[np.int64], targets: NDArray[np.int64], settings: NeighbourSettings
) -> float:
    """Return Recall@20 + 2 MRR@20 of the neighbours alone; ties count against them."""
    total = 0.0
    for first in range(0, len(targets), _AT_ONCE):
        places = _places(memory, heard[first : first + _AT_ONCE], targets[first : first + _AT_ONCE], settings)
        near = places <= _CUTOFF
        total += float(near.sum() + 2 * (near / places).sum())
    return total / max(len(targets), 1)


def _places(
    memory: Memory, heard: NDArray[np.int64], targets: NDArray[np.int64], settings: NeighbourSettings
) -> NDArray[np.float64]:
    """Return the places (B,) of the targets, infinite where no neighbour speaks for them."""
    V, B = memory.catalogue_size, len(targets)
    requests, rows, found = votes(memory, nearest(memory, heard, settings), settings)
    keys, which = np.unique(requests * V + rows, return_inverse=True)
    worth = np.bincount(which, _WORTH @ found, len(keys))
    wanted = np.arange(B) * V + targets
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    hit = keys[at] == wanted if len(keys) else np.zeros(B, np.bool_)
    own = np.where(hit, worth[at] if len(keys) else 0.0, np.inf)
    owners = keys // V
    places = np.bincount(owners[worth >= own[owners]], minlength=B).astype(np.float64)
    return np.where(hit, places, np.inf)
