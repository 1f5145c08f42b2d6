"""When the listeners listen: three possible sessions a day over one year, and how long each track takes.

Knows nothing of taste.
"""

import numpy as np
from numpy.typing import NDArray

from app.demo.listeners import Listeners

FIRST_DAY = 1_735_689_600
"""Midnight of 1 January 2025, UTC, in unix seconds."""

DAYS = 365
DAY_S = 24 * 3600
_HOURS = np.array([8, 14, 20]) * 3600
_JITTER_S = 45 * 60
_LONGEST_TRACK_S = 300  # forty of them take 200 minutes: the next session, 4.5 hours on at least, comes after a gap


def draw_starts(
    listeners: Listeners, sessions: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return listener and start (unix seconds) of every session, (S,) each, in order of time.

    A listener has one session at most each morning, afternoon and evening; raise ValueError for more sessions than
    the listeners have room for.
    """
    slots = DAYS * len(_HOURS)
    if sessions > len(listeners) * slots // 2:
        raise ValueError(f"Expected at most {slots // 2} sessions a listener, got {sessions / len(listeners):.0f}.")
    who = np.empty(0, np.int64)
    slot = np.empty(0, np.int64)
    while len(who) < sessions:
        more = rng.choice(len(listeners), sessions, p=listeners.activity) * slots + rng.integers(0, slots, sessions)
        taken = np.unique(np.concatenate([who * slots + slot, more]))
        who, slot = taken // slots, taken % slots
    kept = np.sort(rng.permutation(len(who))[:sessions])
    who, slot = who[kept], slot[kept]
    start = FIRST_DAY + slot // 3 * DAY_S + _HOURS[slot % 3] + rng.integers(-_JITTER_S, _JITTER_S, sessions)
    order = np.lexsort((who, start))
    return who[order], start[order]


def week_of(start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the week of the year, from 0, each moment falls in."""
    return (start - FIRST_DAY) // (7 * DAY_S)


def hour_of(start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 for the morning, 1 for the afternoon, 2 for the evening."""
    return np.searchsorted(np.array([12, 18]) * 3600, start % DAY_S, side="right").astype(np.int64)


def event_times(
    start: NDArray[np.int64], lengths: NDArray[np.int64], tracks: NDArray[np.int32], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return when each track started, (N,): its session's start plus what the tracks before it took.

    A track's playing time is made up, 150 to 300 seconds and always the same for the same track: the catalogue knows
    few durations.
    """
    playing_s = rng.integers(150, _LONGEST_TRACK_S + 1, int(tracks.max()) + 1)[tracks]
    elapsed = np.cumsum(playing_s) - playing_s
    first = np.cumsum(lengths) - lengths
    times: NDArray[np.int64] = np.repeat(start - elapsed[first], lengths) + elapsed
    return times
