"""From runs of events to sessions: cut at idle gaps, leave out what is too rare or too short, order by time.

Pure arrays; knows nothing of names, files or the catalogue.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions


@dataclass(frozen=True, slots=True)
class CutRules:
    """What makes a session: silence of more than `idle_gap_s` ends a listener's; the rest says what is left out."""

    idle_gap_s: int = 1800
    min_session_length: int = 2
    min_support: int = 1
    drop_repeats: bool = False


@dataclass(frozen=True)
class Runs:
    """Events in playing order, those of one run next to each other (N,).

    A run is a session as the source names it, or a listener's whole history (`history` is true). `times` are unix
    seconds, 0 where unknown; `places` are the events' places in the sources.
    """

    runs: NDArray[np.int64]
    tracks: NDArray[np.int32]
    times: NDArray[np.int64]
    places: NDArray[np.int64]
    history: NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """The sessions, their tracks numbered as before, and how many events were left out for each reason."""

    sessions: Sessions
    dropped: dict[str, int]


def cut_sessions(runs: Runs, rules: CutRules) -> Cut:
    """Cut runs into sessions and order them by the time of their first event.

    Sessions without any time stand first, in the order of the sources. Leaving out a rare track may make a session
    too short and the other way round, so the rules are applied until nothing changes: they hold for what is left.
    """
    starts = np.ones(len(runs.tracks), np.bool_)
    if len(starts):
        same_run = runs.runs[1:] == runs.runs[:-1]
        idle = runs.history[1:] & (runs.times[1:] - runs.times[:-1] > rules.idle_gap_s)
        starts[1:] = ~same_run | idle
    session = np.cumsum(starts) - 1
    kept = np.arange(len(runs.tracks))
    dropped = {
        "consecutive repeat of a track": 0,
        f"track in fewer than {rules.min_support} events": 0,
        f"session of fewer than {rules.min_session_length} events": 0,
    }
    repeats, rare, short = dropped
    while True:
        before = len(kept)
        if rules.drop_repeats:
            kept = _without(kept, _repeated(session[kept], runs.tracks[kept]), dropped, repeats)
        support = np.bincount(runs.tracks[kept])
        kept = _without(kept, support[runs.tracks[kept]] < rules.min_support, dropped, rare)
        lengths = np.bincount(session[kept])
        kept = _without(kept, lengths[session[kept]] < rules.min_session_length, dropped, short)
        if len(kept) == before:
            break
    counted = {reason: count for reason, count in dropped.items() if count}
    return Cut(_ordered(session[kept], runs.tracks[kept], runs.times[kept], runs.places[kept]), counted)


def _repeated(session: NDArray[np.int64], tracks: NDArray[np.int32]) -> NDArray[np.bool_]:
    repeated = np.zeros(len(tracks), np.bool_)
    repeated[1:] = (tracks[1:] == tracks[:-1]) & (session[1:] == session[:-1])
    return repeated


def _without(
    kept: NDArray[np.int64], left_out: NDArray[np.bool_], dropped: dict[str, int], reason: str
) -> NDArray[np.int64]:
    dropped[reason] += int(left_out.sum())
    return kept[~left_out]


def _ordered(
    session: NDArray[np.int64], tracks: NDArray[np.int32], times: NDArray[np.int64], places: NDArray[np.int64]
) -> Sessions:
    firsts = np.flatnonzero(np.r_[True, session[1:] != session[:-1]]) if len(session) else np.zeros(0, np.int64)
    offsets = np.r_[firsts, len(session)].astype(np.int64)
    sessions = Sessions(tracks, offsets if len(firsts) else np.zeros(1, np.int64), times)
    if not len(firsts):
        return sessions
    # The first known time: a session may begin with an event whose time is unknown.
    first_times = np.minimum.reduceat(np.where(times > 0, times, np.iinfo(np.int64).max), firsts)
    first_times[first_times == np.iinfo(np.int64).max] = 0
    return sessions.select(np.lexsort((np.minimum.reduceat(places, firsts), first_times)))
