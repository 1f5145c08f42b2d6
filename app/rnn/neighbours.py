"""Neighbours: the pieces of past sessions most like what a listener just heard, and what these speak for.

Session-kNN with vector weights (Ludewig & Jannach, UMUAI 2018), and direction: a vote knows whether a track came right
after, after or before the track shared with the listener. Knows nothing of networks or probabilities.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.rnn.memory import PIECE, Memory, ranges

VOTES = ("anywhere", "right after", "after", "before", "in step")


@dataclass(frozen=True, slots=True)
class NeighbourSettings:
    """How likeness is measured, and who speaks.

    Of the newest `steps` tracks heard, the one `back` steps ago weighs decay^back · rarity^`rarity`; a piece's
    similarity is the sum over the tracks it holds, times exp(-`recency` · age), over length^`length`. The `count` most
    similar pieces vote; votes fall with the distance d from the shared track as nearness^(d - 1). Without `neighbours`
    none do; `transitions` are what followed and led to the last tracks, `repeats` what the listener heard already.
    """

    count: int = 150
    steps: int = 10
    decay: float = 0.75
    rarity: float = 1.0
    recency: float = 1.0
    length: float = 0.15
    nearness: float = 0.7
    neighbours: bool = True
    transitions: bool = True
    repeats: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON writes them."""
        return asdict(self)


class Neighbours(NamedTuple):
    """Neighbours of B listeners in a row, by listener and age: all arrays (n,).

    `positions` is where the newest track shared with the listener lies in the piece, `back` how many steps ago it
    was heard.
    """

    requests: NDArray[np.int64]
    pieces: NDArray[np.int64]
    similarities: NDArray[np.float64]
    positions: NDArray[np.int64]
    back: NDArray[np.int64]


def nearest(memory: Memory, heard: NDArray[np.int64], settings: NeighbourSettings) -> Neighbours:
    """Return the neighbours of listeners who heard rows (B, H), newest last, -1 where there is none."""
    newest = heard[:, ::-1][:, : settings.steps]
    requests, back = np.nonzero(without_repeats(newest))
    tracks = newest[requests, back]
    weights = settings.decay**back * memory.rarities[tracks].astype(np.float64) ** settings.rarity
    shared, entries = ranges(memory.holder_starts[tracks], memory.holder_starts[tracks + 1])
    # One number holds listener, piece and the track's turn: sorting numbers is many times faster than sorting by keys.
    turn_bits = len(shared).bit_length()
    keys = requests[shared] * memory.pieces + memory.holders[entries]
    packed = np.sort((keys << turn_bits) | np.arange(len(keys)))
    keys, turns = packed >> turn_bits, packed & ((1 << turn_bits) - 1)
    firsts = group_starts(keys)
    if not len(firsts):
        nothing = np.zeros(0, np.int64)
        return Neighbours(nothing, nothing, np.zeros(0), nothing, nothing)
    similarities = np.add.reduceat(weights[shared[turns]], firsts)
    owners, pieces = np.divmod(keys[firsts], memory.pieces)
    if settings.recency:
        similarities *= np.exp(-settings.recency * memory.piece_ages[pieces])
    if settings.length:
        similarities /= (memory.piece_starts[pieces + 1] - memory.piece_starts[pieces]) ** settings.length
    kept = most_of_each(owners, similarities, settings.count, len(heard))
    newest_shared = turns[firsts[kept]]
    return Neighbours(
        owners[kept],
        pieces[kept],
        similarities[kept],
        memory.holder_positions[entries[newest_shared]].astype(np.int64),
        back[shared[newest_shared]],
    )


def votes(
    memory: Memory, neighbours: Neighbours, settings: NeighbourSettings
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return for every track of every neighbour but the shared one: the listener, the row, and its votes (5, n).

    The votes are those of `VOTES`; `in step` counts the distance from where the listener is now, were they to follow
    the neighbour.
    """
    starts = memory.piece_starts[neighbours.pieces]
    owners, events = ranges(starts, memory.piece_starts[neighbours.pieces + 1])
    away = events - (starts + neighbours.positions)[owners]
    others = away != 0
    owners, events, away = owners[others], events[others], away[others]
    falling = settings.nearness ** np.arange(PIECE + settings.steps + 1)
    distance = np.abs(away)
    similarity = neighbours.similarities[owners]
    near = similarity * falling[distance - 1]
    found = np.stack(
        (
            similarity,
            similarity * (away == 1),
            near * (away > 0),
            near * (away < 0),
            similarity * falling[np.abs(away - 1 - neighbours.back[owners])],
        )
    )
    return neighbours.requests[owners], memory.tracks[events].astype(np.int64), found


def without_repeats(newest_first: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each track (B, H) whether it is there and was not heard again since."""
    same = newest_first[:, :, None] == newest_first[:, None, :]
    heard_since = np.tril(same, -1).any(2)
    fresh: NDArray[np.bool_] = (newest_first >= 0) & ~heard_since
    return fresh


def group_starts(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each run of equal keys begins."""
    if not len(keys):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))


def most_of_each(owners: NDArray[np.int64], values: NDArray[np.float64], most: int, count: int) -> NDArray[np.int64]:
    """Return which entries are among the `most` highest of their owner (0 to count - 1), of equal ones the later.

    `owners` ascend. The entries stay in order.
    """
    ends = np.searchsorted(owners, np.arange(1, count + 1))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    kept = np.ones(len(owners), np.bool_)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start > most:
            own = values[start:end]
            least = np.partition(own, len(own) - most)[len(own) - most]
            above = own > least
            above[np.flatnonzero(own == least)[np.count_nonzero(above) - most :]] = True
            kept[start:end] = above
    return np.flatnonzero(kept)
