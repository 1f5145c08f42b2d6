"""One loop that judges every model, the network and the baselines alike, on the same targets.

Every track of every session but the first is a target, ranked among the whole catalogue. Knows nothing of how a
model ranks; it asks for places and the first tracks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.errors import InvalidDataset
from app.trainer.breakdown import Slice, by_popularity, by_position, slice_of
from app.trainer.calibration import Reliability, ReliabilityCount
from app.trainer.judgement import Judged, Judgement
from app.trainer.metrics import (
    CUTOFFS,
    HEADLINE,
    coverage,
    gains,
    hits,
    log_loss,
    mean_popularity,
    reciprocal_ranks,
)
from app.trainer.resampling import RESAMPLES, Interval, SessionTotals
from app.trainer.segments import segments
from app.trainer.targets import Targets


@dataclass(frozen=True)
class Metrics:
    """How good one model is on one set of targets.

    `figures` holds recall@k, mrr@k and ndcg@k; `intervals` their 95 % bootstrap intervals. `popularity` is how often
    a recommended track was played in training, `popularity_ratio` that over the same for the tracks really played:
    above 1 the model plays safe. `first_tracks` counts the different tracks ranked first. `reliabilities` tell of the
    first track and of the first 20 whether their probability is how often they are right; empty for models without
    probabilities. `totals` are the sums per session behind the figures, `segments` those of each segment that has
    targets, for comparing two models; they are not written out.
    """

    model: str
    sessions: int
    targets: int
    target_tracks: int
    catalogue_size: int
    figures: dict[str, float]
    intervals: dict[str, Interval]
    coverage: float
    first_tracks: int
    popularity: float | None
    popularity_ratio: float | None
    log_loss: float | None
    reliabilities: Mapping[int, Reliability]
    by_position: tuple[Slice, ...]
    by_popularity: tuple[Slice, ...]
    by_segment: tuple[Slice, ...]
    totals: SessionTotals = field(repr=False, compare=False)
    segments: Mapping[str, SessionTotals] = field(repr=False, compare=False)

    @property
    def recall(self) -> float:
        """Recall@20, the share of targets among the first 20."""
        return self.figures[f"recall@{HEADLINE}"]

    @property
    def mrr(self) -> float:
        """MRR@20, the mean of 1/place, 0 beyond the first 20."""
        return self.figures[f"mrr@{HEADLINE}"]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; what is not a finite number is None."""
        numbers = {
            **self.figures,
            f"coverage@{HEADLINE}": self.coverage,
            f"popularity@{HEADLINE}": self.popularity,
            f"popularity_ratio@{HEADLINE}": self.popularity_ratio,
            "log_loss": self.log_loss,
            **{f"calibration_error@{depth}": each.error for depth, each in self.reliabilities.items()},
        }
        return {
            "model": self.model,
            "sessions": self.sessions,
            "targets": self.targets,
            "target_tracks": self.target_tracks,
            "catalogue_size": self.catalogue_size,
            "first_tracks": self.first_tracks,
            **{name: _finite(value) for name, value in numbers.items()},
            "reliability": {str(depth): each.to_list() for depth, each in self.reliabilities.items()},
            "intervals": {name: [interval.low, interval.high] for name, interval in self.intervals.items()},
            "by_position": [part.to_dict() for part in self.by_position],
            "by_popularity": [part.to_dict() for part in self.by_popularity],
            "by_segment": [part.to_dict() for part in self.by_segment],
        }


def evaluate(
    model: Judged,
    sessions: Sessions,
    cutoffs: Sequence[int] = CUTOFFS,
    *,
    support: NDArray[np.int64] | None = None,
    seen_only: bool = False,
    resamples: int = RESAMPLES,
) -> Metrics:
    """Judge a model on every target of the sessions.

    support (V,) counts the plays of each track in training; without it nothing is said about popularity, and
    `seen_only`, which leaves out targets never played in training, is an error. `resamples` of 0 leaves out the
    intervals and the breakdowns. Raises InvalidDataset when there is no target.
    """
    if seen_only and support is None:
        raise ValueError("Expected the training play counts with seen_only, got none.")
    targets = Targets.of(sessions)
    wanted = support[targets.tracks] > 0 if seen_only and support is not None else np.ones(len(targets), np.bool_)
    if not wanted.any():
        raise InvalidDataset(
            "Expected at least one session of two tracks the model can rank, found none. Use more or longer sessions."
        )
    tally = _Tally(model.catalogue_size, targets, wanted, support)
    for judgement in model.judge(sessions, HEADLINE):
        tally.add(judgement)
    return tally.metrics(model.name, tuple(sorted({*cutoffs, HEADLINE})), resamples)


class _Tally:
    """What the judgements add up to so far."""

    def __init__(
        self,
        catalogue_size: int,
        targets: Targets,
        wanted: NDArray[np.bool_],
        support: NDArray[np.int64] | None,
    ) -> None:
        self._targets = targets
        self._wanted = wanted
        self._support = support
        self._places = np.zeros(len(targets), np.int64)
        self._log_probabilities = np.full(len(targets), np.nan)
        self._has_probabilities = True
        self._reliability = ReliabilityCount(len(targets), HEADLINE)
        self._recommended = np.zeros(catalogue_size, np.int64)
        self._first = np.zeros(catalogue_size, np.bool_)

    def add(self, judgement: Judgement) -> None:
        """Take in the judgement of some targets."""
        if self._places[judgement.targets].any():
            raise ValueError("A model judged a target twice. This is a bug.")
        self._places[judgement.targets] = judgement.places
        if judgement.log_probabilities is None:
            self._has_probabilities = False
        else:
            self._log_probabilities[judgement.targets] = judgement.log_probabilities
        if judgement.probabilities is not None:
            tracks = self._targets.tracks[judgement.targets]
            self._reliability.add(judgement.targets, tracks, judgement.tops, judgement.probabilities)
        tops = judgement.tops[self._wanted[judgement.targets]]
        self._recommended += np.bincount(tops[tops >= 0], minlength=len(self._recommended))
        self._first[tops[:, 0][tops[:, 0] >= 0]] = True

    def metrics(self, name: str, cutoffs: tuple[int, ...], resamples: int) -> Metrics:
        """Return the figures over all wanted targets."""
        if not self._places.all():
            raise ValueError(f"{name} left {np.count_nonzero(self._places == 0)} targets unjudged. This is a bug.")
        places, session = self._places[self._wanted], self._targets.session[self._wanted]
        tracks, position = self._targets.tracks[self._wanted], self._targets.position[self._wanted]
        measures = {"recall": hits, "mrr": reciprocal_ranks, "ndcg": gains}
        each = {f"{word}@{k}": measure(places, k) for word, measure in measures.items() for k in cutoffs}
        totals = SessionTotals.of(session, each)
        inside = {name: member[self._wanted] for name, member in segments(self._targets, self._support).items()}
        of_segments = {
            name: SessionTotals.of(session[member], {figure: values[member] for figure, values in each.items()})
            for name, member in inside.items()
            if member.any()
        }
        shown = played = None
        if self._support is not None:
            shown = mean_popularity(self._recommended, self._support)
            played = mean_popularity(np.bincount(tracks, minlength=len(self._support)), self._support)
        return Metrics(
            model=name,
            sessions=len(totals.counts),
            targets=len(places),
            target_tracks=len(np.unique(tracks)),
            catalogue_size=len(self._recommended),
            figures=totals.means(),
            intervals=totals.intervals(resamples) if resamples else {},
            coverage=coverage(self._recommended > 0),
            first_tracks=int(np.count_nonzero(self._first)),
            popularity=shown,
            popularity_ratio=shown / played if shown is not None and played else None,
            log_loss=log_loss(self._log_probabilities[self._wanted]) if self._has_probabilities else None,
            reliabilities=self._reliability.reliabilities(self._wanted),
            by_position=by_position(places, position, session) if resamples else (),
            by_popularity=(
                by_popularity(places, self._support[tracks], session) if resamples and self._support is not None else ()
            ),
            by_segment=tuple(slice_of(name, part) for name, part in of_segments.items()) if resamples else (),
            totals=totals,
            segments=of_segments,
        )


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
