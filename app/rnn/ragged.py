"""Playlists of different lengths, laid out to be read together: the first tracks of all, then the second ones.

The longest stand first, so that those who still have tracks to be read are the first so many at every step, and no step
is taken for one that has ended. Knows nothing of networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

_SPARE = 0  # the track that is read for nothing: every catalogue that can be read has a first one


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """B playlists, filled up to M lines with such that have no tracks.

    sizes: M, and then how many lines are read at each step; none of them is smaller than the next. tracks (N,), int64:
    step by step, a spare one where a line has ended. order (M,): which playlist stands in each line. ends (M,): where
    the state after the last track of each playlist stands, and behind them of each spare line, among the M + N states
    that there are with those from before the first step.
    """

    tracks: Tensor
    sizes: tuple[int, ...]
    order: Tensor
    ends: Tensor

    @classmethod
    def of(cls, playlists: Sequence[tuple[int, ...]], multiple: int) -> "Ragged":
        """Lay out playlists (B) of rows; all sizes are multiples of `multiple`."""
        spare = -len(playlists) % multiple
        lines: list[tuple[int, ...]] = [*playlists, *[()] * spare]
        order = sorted(range(len(lines)), key=lambda line: len(lines[line]), reverse=True)
        starts, sizes, tracks = [0], [len(lines)], list[int]()
        lengths = [len(lines[line]) for line in order]
        reading = len(lines)
        for step, column in enumerate(zip_longest(*(lines[line] for line in order), fillvalue=_SPARE)):
            while lengths[reading - 1] <= step:
                reading -= 1
            starts.append(starts[-1] + sizes[-1])
            sizes.append(reading + -reading % multiple)
            tracks += column[: sizes[-1]]
        ends = [0] * len(lines)
        for place, line in enumerate(order):
            ends[line] = starts[lengths[place]] + place
        # A spare line begins as the first playlist does, so that what is read for nothing is no less sound than it.
        begins = [line if line < len(playlists) else 0 for line in order]
        return cls(
            torch.tensor(tracks, dtype=torch.int64),
            tuple(sizes),
            torch.tensor(begins, dtype=torch.int64),
            torch.tensor(ends, dtype=torch.int64),
        )
