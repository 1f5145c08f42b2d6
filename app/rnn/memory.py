"""The memory of past listening: which sessions held a track and where, and what followed it how often.

Plain arrays, so that a file of them can be mapped and shared by all workers. Knows nothing of networks, listeners or
what is made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from app.errors import CorruptCheckpoint

PIECE = 60
"""Tracks of a session looked at together; longer sessions are cut into pieces that overlap by `PIECE - STRIDE`."""

STRIDE = 40
HOLDERS = 1000
"""The newest pieces remembered for each track: more cost time and hardly say more."""

_NEWEST_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Memory:
    """Past sessions in P pieces, oldest first, over a catalogue of V tracks.

    Piece p is `tracks[piece_starts[p]:piece_starts[p + 1]]`; `piece_ages` (P,) run from 1, the oldest, to 0.
    Track v is held by the pieces `holders[s:e]`, s, e = `holder_starts[v], holder_starts[v + 1]`, oldest first, for the
    last time at `holder_positions[s:e]`; `rarities` (V,) are log(P / pieces that hold the track).
    `followers[s:e]` came right after track v, `follower_counts[s:e]` times; `leaders` right before it.
    `plays`, `newest_plays` (V,) are log(1 + n), n counting plays in all and in the newest tenth of sessions.
    """

    tracks: NDArray[np.int32]
    piece_starts: NDArray[np.int64]
    piece_ages: NDArray[np.float32]
    holder_starts: NDArray[np.int64]
    holders: NDArray[np.int32]
    holder_positions: NDArray[np.int32]
    rarities: NDArray[np.float32]
    follower_starts: NDArray[np.int64]
    followers: NDArray[np.int32]
    follower_counts: NDArray[np.float32]
    leader_starts: NDArray[np.int64]
    leaders: NDArray[np.int32]
    leader_counts: NDArray[np.float32]
    plays: NDArray[np.float32]
    newest_plays: NDArray[np.float32]

    @property
    def catalogue_size(self) -> int:
        """V: how many tracks it may speak of."""
        return len(self.plays)

    @property
    def pieces(self) -> int:
        """P: how many pieces of sessions are remembered."""
        return len(self.piece_ages)

    @classmethod
    def of(cls, tracks: NDArray[np.int32], offsets: NDArray[np.int64], catalogue_size: int) -> "Memory":
        """Remember sessions in time order; session i is `tracks[offsets[i]:offsets[i + 1]]`."""
        V = catalogue_size
        lengths = np.diff(offsets)
        session = np.repeat(np.arange(len(lengths)), lengths)
        cut, piece_starts, ages = _pieces(tracks, offsets)
        holder_starts, holders, positions, counts = _holders(cut, piece_starts, V)
        within = session[1:] == session[:-1]
        before, after = tracks[:-1][within].astype(np.int64), tracks[1:][within].astype(np.int64)
        newest = tracks[session >= (1 - _NEWEST_SHARE) * len(lengths)]
        return cls(
            cut,
            piece_starts,
            ages,
            holder_starts,
            holders,
            positions,
            np.log(max(len(ages), 1) / np.maximum(counts, 1)).astype(np.float32),
            *_pairs(before, after, V),
            *_pairs(after, before, V),
            np.log1p(np.bincount(tracks, minlength=V)).astype(np.float32),
            np.log1p(np.bincount(newest, minlength=V)).astype(np.float32),
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name, as a file holds them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Memory":
        """Take arrays as a file holds them; raise CorruptCheckpoint where they contradict each other."""
        names = [field.name for field in fields(cls)]
        if missing := [name for name in names if name not in arrays]:
            raise CorruptCheckpoint(f"Expected the arrays of a memory, got none named {missing}; publish it again.")
        memory = cls(**{name: arrays[name] for name in names})  # type: ignore[arg-type]
        memory._check()
        return memory

    def _check(self) -> None:
        """Compare sizes and bounds, so that no look-up can ever reach outside an array."""
        V, P, N = self.catalogue_size, self.pieces, len(self.tracks)
        sound = (
            _is_index(self.piece_starts, P, N)
            and _is_index(self.holder_starts, V, len(self.holders))
            and _is_index(self.follower_starts, V, len(self.followers))
            and _is_index(self.leader_starts, V, len(self.leaders))
            and len(self.holders) == len(self.holder_positions)
            and len(self.followers) == len(self.follower_counts)
            and len(self.leaders) == len(self.leader_counts)
            and len(self.rarities) == len(self.newest_plays) == V
            and all(_within(rows, V) for rows in (self.tracks, self.followers, self.leaders))
            and _within(self.holders, P)
            and _within(self.holder_positions, PIECE)
        )
        if not sound:
            raise CorruptCheckpoint("Expected the arrays of one memory, got some that do not fit; publish it again.")


def ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of all ranges [start, end) in a row, and before them which range each comes from."""
    lengths = ends - starts
    owners = np.repeat(np.arange(len(lengths)), lengths)
    return owners, np.arange(len(owners)) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)


def _pieces(
    tracks: NDArray[np.int32], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]]:
    """Cut sessions into pieces; return their tracks in a row, where each begins (P + 1,), and their ages (P,)."""
    lengths = np.diff(offsets)
    counts = np.maximum(-(-(lengths - PIECE + STRIDE) // STRIDE), 1)
    session, number = ranges(np.zeros_like(counts), counts)
    starts = offsets[:-1][session] + number * STRIDE
    ends = np.minimum(starts + PIECE, offsets[1:][session])
    _, events = ranges(starts, ends)
    ages = 1.0 - session / max(len(lengths) - 1, 1)
    piece_starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(ends - starts, dtype=np.int64)])
    return tracks[events].astype(np.int32), piece_starts, ages.astype(np.float32)


def _holders(
    tracks: NDArray[np.int32], piece_starts: NDArray[np.int64], catalogue_size: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Return starts (V + 1,), pieces and positions of the newest holders, and how many there are in all (V,)."""
    piece, position = ranges(np.zeros(len(piece_starts) - 1, np.int64), np.diff(piece_starts))
    order = np.lexsort((position, piece, tracks))
    last = np.append((np.diff(tracks[order]) != 0) | (np.diff(piece[order]) != 0), True)[: len(order)]
    order = order[last]
    counts = np.bincount(tracks[order], minlength=catalogue_size).astype(np.int64)
    ends = np.cumsum(counts)
    kept = np.minimum(counts, HOLDERS)
    order = order[ranges(ends - kept, ends)[1]]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    return starts, piece[order].astype(np.int32), position[order].astype(np.int32), counts


def _pairs(
    first: NDArray[np.int64], second: NDArray[np.int64], catalogue_size: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Count pairs; return starts (V + 1,), the second tracks of each first one, and the counts."""
    keys, counts = np.unique(first * catalogue_size + second, return_counts=True)
    starts = np.searchsorted(keys, np.arange(catalogue_size + 1) * catalogue_size).astype(np.int64)
    return starts, (keys % catalogue_size).astype(np.int32), counts.astype(np.float32)


def _is_index(starts: NDArray[np.int64], groups: int, entries: int) -> bool:
    ends_right = len(starts) == groups + 1 and starts[0] == 0 and starts[-1] == entries
    return bool(ends_right and (np.diff(starts) >= 0).all())


def _within(rows: NDArray[np.int32], size: int) -> bool:
    return not len(rows) or bool(rows.min() >= 0 and rows.max() < size)
