"""Who listens on the day of `demo_day`, and to what: a thousand listeners whose taste shifts at noon.

Before noon one world of the demo's listener model, from noon on another: other tracks are famous, other pairs belong
together, the listeners like other genres and artists, and play what everybody plays together. Knows nothing of HTTP.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.demo.appeal import Appeal, appeal_of
from app.demo.listeners import Listeners, draw_listeners
from app.demo.playing import Occasions, draw_lengths, play
from app.domain.catalogue import Catalogue

HOUR_S = 3600.0
NOON_S = 12 * HOUR_S

_WEEK = 20
_PAIRED = np.array([16, -64, 16, 240], np.int16)  # habits of who plays what everybody plays together, in steps of NAT
_HISTORY_DAYS = 14


@dataclass(frozen=True)
class Listening:
    """One session to be played: who, and which tracks when (seconds after midnight of the day)."""

    listener_id: str
    track_ids: tuple[str, ...]
    times_s: tuple[float, ...]


class Crowd:
    """The listeners of one half of the day, and how the catalogue appeals to them."""

    def __init__(self, catalogue: Catalogue, count: int, seed: int, *, in_pairs: bool = False) -> None:
        self._catalogue = catalogue
        self._draw = np.random.default_rng(seed)
        self._appeal: Appeal = appeal_of(catalogue, self._draw)
        drawn = draw_listeners(count, self._appeal.artist, self._draw)
        self._listeners: Listeners = replace(drawn, habits=np.tile(_PAIRED, (count, 1))) if in_pairs else drawn

    def history(self, sessions: int, midnight: float) -> Sessions:
        """Return sessions of the two weeks before a day, in order of time."""
        who = self._draw.integers(0, len(self._listeners), sessions)
        lengths = draw_lengths(sessions, self._draw)
        tracks = self._played(who, lengths, hour=0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        days = np.sort(self._draw.uniform(1.2, _HISTORY_DAYS, sessions))[::-1]
        began = midnight - days * 24 * HOUR_S
        position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Sessions(tracks, offsets, (np.repeat(began, lengths) + 200 * position).astype(np.int64))

    def sessions(self, begin_s: float, end_s: float, per_hour: float) -> Iterator[Listening]:
        """Yield the sessions that begin between two times of the day, evenly spread; at the end everybody stops.

        The listeners take turns, so nobody is in two sessions at once.
        """
        starts = np.arange(begin_s, end_s, HOUR_S / per_hour)
        who = self._draw.permutation(len(self._listeners))[np.arange(len(starts)) % len(self._listeners)]
        lengths = draw_lengths(len(starts), self._draw)
        tracks = self._played(who, lengths, hour=int(begin_s >= NOON_S))
        lasts_s = self._draw.uniform(150, 300, len(tracks))
        ends = np.cumsum(lengths)
        for number, end in enumerate(ends.tolist()):
            part = slice(end - int(lengths[number]), end)
            times = starts[number] + np.cumsum(lasts_s[part]) - lasts_s[part][0]
            times = times[times < end_s]
            ids = tuple(self._catalogue[row].track_id for row in tracks[part].tolist())
            yield Listening(f"listener-{who[number]}", ids[: len(times)], tuple(times.tolist()))

    def _played(self, who: NDArray[np.int64], lengths: NDArray[np.int64], hour: int) -> NDArray[np.int32]:
        occasions = Occasions(who, np.full(len(who), _WEEK), np.full(len(who), hour))
        return play(self._appeal, self._listeners, occasions, lengths, self._draw)


def shuffled(sessions: Sessions, seed: int) -> Sessions:
    """Return the sessions with all their tracks dealt out anew: what follows what says nothing any more."""
    return replace(sessions, tracks=np.random.default_rng(seed).permutation(sessions.tracks))
