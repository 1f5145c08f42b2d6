"""V-SKNN: what was heard in the sessions most like this one, its newest tracks counting most.

Vector multiplication session-based kNN of Ludewig & Jannach, Evaluation of session-based recommendation algorithms,
UMUAI 2018. Knows nothing of the order within past sessions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.trainer.baselines import popularity
from app.trainer.baselines.popularity import Popularity
from app.trainer.judgement import Judgement
from app.trainer.targets import Targets

NEIGHBOURS = 100
SAMPLE = 2500
_LONGEST = 50  # newest tracks of a session that are looked at; older ones would weigh next to nothing


@dataclass(frozen=True, eq=False)
class VSKNN:
    """Past sessions by track and tracks by past session, both without repeats.

    Session numbers grow with time. `track_starts`, `sessions_of` list for each track its sessions, oldest first;
    `session_starts`, `tracks_of` list for each session its tracks.
    """

    track_starts: NDArray[np.int64]
    sessions_of: NDArray[np.int64]
    session_starts: NDArray[np.int64]
    tracks_of: NDArray[np.int32]
    popularity: Popularity
    neighbours: int
    sample: int
    name: str = "V-SKNN"

    @property
    def catalogue_size(self) -> int:
        """How many tracks it ranks."""
        return self.popularity.catalogue_size

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Score the tracks of the nearest sessions for each target; all others follow by popularity."""
        targets = Targets.of(sessions)
        first = 0
        for i in range(len(sessions)):
            heard = sessions[i]
            number = len(heard) - 1
            places, tops = np.empty(number, np.int64), np.empty((number, depth), np.int32)
            for t in range(number):
                tracks, scores = self.scores(heard[max(0, t + 1 - _LONGEST) : t + 1])
                places[t] = self._place(int(heard[t + 1]), tracks, scores)
                tops[t] = self._top(tracks, scores, depth)
            if number:
                yield Judgement(np.arange(first, first + number), places, tops)
            first += number
        if first != len(targets):
            raise ValueError(f"Judged {first} of {len(targets)} targets. This is a bug.")

    def scores(self, heard: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the tracks of the nearest sessions and their scores, given what was heard, oldest first.

        A track heard at position i of n weighs (i/n)^2; a session's similarity is the sum of the weights of the
        heard tracks it holds. Of the `sample` newest sessions that share a track the `neighbours` most similar are
        kept, newer ones first among equals. A track's score is the sum over the kept sessions that hold it of
        similarity / d^2, d counting back from the newest track heard to the first one the session holds as well.
        """
        newest_first = heard[::-1]
        distinct, back = np.unique(newest_first, return_index=True)
        weight = ((len(heard) - back) / len(heard)) ** 2
        ends = self.track_starts[distinct + 1]
        starts = np.maximum(self.track_starts[distinct], ends - self.sample)
        lengths = ends - starts
        sessions = self.sessions_of[_ranges(starts, lengths)]
        candidates, which = np.unique(sessions, return_inverse=True)
        similarity = np.bincount(which, weights=np.repeat(weight, lengths), minlength=len(candidates))
        steps = np.full(len(candidates), len(heard), np.int64)
        np.minimum.at(steps, which, np.repeat(back, lengths))
        kept = np.arange(len(candidates))[-self.sample :]
        kept = kept[np.lexsort((-kept, -similarity[kept].round(9)))[: self.neighbours]]
        share = similarity[kept] / (steps[kept] + 1) ** 2
        starts = self.session_starts[candidates[kept]]
        lengths = self.session_starts[candidates[kept] + 1] - starts
        tracks, which = np.unique(self.tracks_of[_ranges(starts, lengths)], return_inverse=True)
        scores = np.bincount(which, weights=np.repeat(share, lengths), minlength=len(tracks))
        return tracks.astype(np.int64), scores.astype(np.float64)

    def _place(self, target: int, tracks: NDArray[np.int64], scores: NDArray[np.float64]) -> int:
        at = np.searchsorted(tracks, target)
        if at < len(tracks) and tracks[at] == target:
            # A little below the target's own score: sums of the same parts may differ in their last digits.
            return int(np.count_nonzero(scores >= scores[at] * (1 - 1e-9)))
        popular = self.popularity.places
        return int(len(tracks) + popular[target] - np.count_nonzero(popular[tracks] <= popular[target]))

    def _top(self, tracks: NDArray[np.int64], scores: NDArray[np.float64], depth: int) -> NDArray[np.int32]:
        best = tracks[np.lexsort((self.popularity.places[tracks], -scores))[:depth]]
        if len(best) < depth:
            popular = self.popularity.order[: 2 * depth]
            best = np.concatenate([best, popular[~np.isin(popular, best)]])[:depth]
        return np.pad(best.astype(np.int32), (0, depth - len(best)), constant_values=-1)


def fit(sessions: Sessions, catalogue_size: int, neighbours: int = NEIGHBOURS, sample: int = SAMPLE) -> VSKNN:
    """Index the sessions both ways."""
    number = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    tracks = sessions.tracks.astype(np.int64)
    by_session = np.unique(number * catalogue_size + tracks)
    by_track = np.unique(tracks * max(len(sessions), 1) + number)
    return VSKNN(
        track_starts=np.searchsorted(by_track, np.arange(catalogue_size + 1) * len(sessions)),
        sessions_of=by_track % max(len(sessions), 1),
        session_starts=np.searchsorted(by_session, np.arange(len(sessions) + 1) * catalogue_size),
        tracks_of=(by_session % catalogue_size).astype(np.int32),
        popularity=popularity.fit(sessions, catalogue_size),
        neighbours=neighbours,
        sample=sample,
    )


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of several ranges one after another: starts [3, 9], lengths [2, 1] give [3, 4, 9]."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)
