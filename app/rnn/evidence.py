"""Evidence: what a listener's recent tracks and the memory of past sessions say of single tracks, without a network.

Knows nothing of networks, probabilities, or how much the evidence is worth.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.rnn.memory import Memory, ranges
from app.rnn.neighbours import VOTES, NeighbourSettings, group_starts, nearest, votes, without_repeats

HEARD = 25
"""Newest tracks of a session that are looked at: as many as a full context keeps when it starts again, so that the
evidence is the same however long somebody listens."""

CHANNELS = (*VOTES, "follows the last", "leads to the last", "follows the one before")

_LIKENESS_UNIT = 10.0  # similarities are sums of logs of rarities; only brings them near 1


class Evidence(NamedTuple):
    """What speaks for tracks, for B listeners: n pairs of a listener and a track, each once, by listener and row.

    shares (8, n): the part of each channel of `CHANNELS` that falls to the track, adding up to 1 for each listener
    with any. back (n,): how many steps ago the listener heard it, -1 if not among the newest; times (n,): how often.
    context (B, 18): what is known of the listener's situation. begun (B,): whether they heard anything at all.
    """

    requests: NDArray[np.int64]
    rows: NDArray[np.int64]
    shares: NDArray[np.float32]
    back: NDArray[np.int64]
    times: NDArray[np.int64]
    context: NDArray[np.float32]
    begun: NDArray[np.bool_]


def heard_rows(sessions: list[tuple[int, ...]]) -> NDArray[np.int64]:
    """Return the newest tracks of listening sessions as rows (B, HEARD), newest last, -1 in front of shorter ones."""
    heard = np.full((len(sessions), HEARD), -1, np.int64)
    for line, tracks in zip(heard, sessions, strict=True):
        if newest := tracks[-HEARD:]:
            line[-len(newest) :] = newest
    return heard


def gather(memory: Memory, heard: NDArray[np.int64], settings: NeighbourSettings) -> Evidence:
    """Collect the evidence for listeners who heard rows (B, HEARD), as `heard_rows` makes them."""
    B, V = len(heard), memory.catalogue_size
    unheard = np.full_like(heard, -1)  # what those who are not to speak are asked about
    led = heard if settings.transitions else unheard
    neighbours = nearest(memory, heard if settings.neighbours else unheard, settings)
    voters, voted, found = votes(memory, neighbours, settings)
    keys, amounts, channels = [voters * V + voted], [found], [slice(0, len(VOTES))]
    for channel, (starts, others, counts, steps_ago) in enumerate(
        (
            (memory.follower_starts, memory.followers, memory.follower_counts, 1),
            (memory.leader_starts, memory.leaders, memory.leader_counts, 1),
            (memory.follower_starts, memory.followers, memory.follower_counts, 2),
        ),
        len(VOTES),
    ):
        asked = np.flatnonzero(led[:, -steps_ago] >= 0)
        tracks = led[asked, -steps_ago]
        owners, entries = ranges(starts[tracks], starts[tracks + 1])
        keys.append(asked[owners] * V + others[entries])
        amounts.append(counts[entries][None].astype(np.float64))
        channels.append(slice(channel, channel + 1))
    copied, back, times = _copies(heard if settings.repeats else unheard, V)
    keys.append(copied)
    whole = np.zeros((len(CHANNELS), sum(map(len, keys))))
    first = 0
    for own, amount, channel_slice in zip(keys, amounts, channels, strict=False):  # copies have no amounts
        whole[channel_slice, first : first + len(own)] = amount
        first += len(own)
    together = np.concatenate(keys)
    order = np.argsort(together, kind="stable")
    together = together[order]
    firsts = group_starts(together)
    together = together[firsts]
    requests, rows = np.divmod(together, V)
    sums = np.add.reduceat(whole[:, order], firsts, axis=1) if len(firsts) else whole[:, :0]
    totals = np.stack([np.bincount(requests, channel, B) for channel in sums])
    shares = (sums / np.maximum(totals, 1e-9)[:, requests]).astype(np.float32)
    back_of, times_of = np.full(len(rows), -1, np.int64), np.zeros(len(rows), np.int64)
    places = np.searchsorted(together, copied)
    back_of[places], times_of[places] = back, times
    likeness = np.zeros(B)
    np.maximum.at(likeness, neighbours.requests, neighbours.similarities)
    context = np.column_stack(
        (
            _situation(memory, heard),
            np.log1p(np.bincount(neighbours.requests, minlength=B)),
            np.log1p(totals[0]),
            likeness / _LIKENESS_UNIT,
            np.log1p(totals[len(VOTES) :]).T,
            _highest(requests, shares, B),
        )
    )
    return Evidence(requests, rows, shares, back_of, times_of, context.astype(np.float32), heard[:, -1] >= 0)


def _copies(
    heard: NDArray[np.int64], catalogue_size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return a key (listener · catalogue_size + row) of each track heard, steps since the last time, and how often."""
    newest_first = heard[:, ::-1]
    requests, back = np.nonzero(newest_first >= 0)
    keys, first, times = np.unique(
        requests * catalogue_size + newest_first[requests, back], return_index=True, return_counts=True
    )
    return keys, back[first], times


def _situation(memory: Memory, heard: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (B, 4): log of tracks heard, log plays of the last, share of repeats, the last one twice or not."""
    lengths = np.count_nonzero(heard >= 0, axis=1)
    distinct = np.count_nonzero(without_repeats(heard[:, ::-1]), axis=1)
    last = heard[:, -1]
    plays = np.where(last >= 0, memory.plays[np.maximum(last, 0)], 0.0)
    at_once = (last >= 0) & (last == heard[:, -2])
    return np.column_stack(
        (np.log(np.maximum(lengths, 1)), plays, 1 - distinct / np.maximum(lengths, 1), at_once)
    ).astype(np.float64)


def _highest(requests: NDArray[np.int64], shares: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Return the highest share of each channel for each listener (B, 8), 0 without any."""
    highest = np.zeros((count, len(shares)))
    firsts = group_starts(requests)
    if len(firsts):
        highest[requests[firsts]] = np.maximum.reduceat(shares, firsts, axis=1).T
    return highest
