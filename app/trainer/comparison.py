"""A model beside the baselines and beside the checkpoint that serves, judged on the same targets.

Knows nothing of how the model learned or of what follows from the figures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Dataset, Sessions
from app.trainer.baselines import item_knn, markov, popularity, sequential_rules, v_sknn
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.incumbent import LEAST_SESSIONS, SERVING, Incumbent, Standing
from app.trainer.judgement import Judged
from app.trainer.resampling import SessionTotals
from app.trainer.targets import play_counts
from app.trainer.validation import thinned_rows

Fit = Callable[[Sessions, int], Judged]

NEIGHBOURS = "V-SKNN"

BASELINES: Mapping[str, Fit] = MappingProxyType(
    {
        "popularity": popularity.fit,
        "markov": markov.fit,
        "sequential rules": sequential_rules.fit,
        "item-kNN": item_knn.fit,
        NEIGHBOURS: v_sknn.fit,
    }
)
"""Every baseline by the name the tables call it, from plain to strong."""

NEIGHBOUR_TARGETS = 10_000
"""About how many targets V-SKNN is judged on: it searches thousands of sessions for each, a millisecond of work."""


@dataclass(frozen=True)
class Comparison:
    """The metrics of one model, and of each model beside it by name: the baselines, and what serves.

    `sessions` holds, for those that were judged on some of the test sessions only, the numbers of these. `standing`
    says what serves and how it could be compared; None where nothing does.
    """

    model: Metrics
    baselines: Mapping[str, Metrics]
    sessions: Mapping[str, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)
    standing: Standing | None = None

    def totals(self, beside: str, segment: str | None = None) -> tuple[SessionTotals, SessionTotals]:
        """Return what the model and the one beside it made of the targets both were asked, all or of a segment.

        Raises KeyError for a segment without targets, ValueError where they were asked different ones.
        """
        other = self.baselines[beside]
        own, others = (each.totals if segment is None else each.segments[segment] for each in (self.model, other))
        asked = self.sessions.get(beside)
        own = own if asked is None else own.among(asked)
        own.check_comparable(others)
        return own, others


def compare(
    model: Judged,
    training: Sessions,
    test: Sessions,
    *,
    seen_only: bool = False,
    neighbour_targets: int = NEIGHBOUR_TARGETS,
    on_judging: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Judge a model and every baseline on the test sessions; fit the baselines on the training sessions.

    `seen_only` leaves out targets never played in the training sessions. `on_judging` is told each name in turn.
    """
    on_judging(model.name)
    support = play_counts(training, model.catalogue_size)
    judged = evaluate(model, test, support=support, seen_only=seen_only)
    few = thinned_rows(test, neighbour_targets)
    baselines = judge_baselines(
        training,
        test,
        model.catalogue_size,
        seen_only=seen_only,
        neighbour_targets=neighbour_targets,
        on_judging=on_judging,
    )
    return Comparison(judged, baselines, {NEIGHBOURS: few} if len(few) < len(test) else {})


def judge_baselines(
    training: Sessions,
    test: Sessions,
    catalogue_size: int,
    *,
    seen_only: bool = False,
    neighbour_targets: int = NEIGHBOUR_TARGETS,
    on_judging: Callable[[str], None] = lambda _: None,
) -> dict[str, Metrics]:
    """Fit every baseline on the training sessions and judge it on the test sessions; V-SKNN on some of them."""
    support = play_counts(training, catalogue_size)
    metrics: dict[str, Metrics] = {}
    for name, fit in BASELINES.items():
        on_judging(name)
        asked = test.select(thinned_rows(test, neighbour_targets)) if name == NEIGHBOURS else test
        metrics[name] = evaluate(fit(training, catalogue_size), asked, support=support, seen_only=seen_only)
    return metrics


def beside_incumbent(
    comparison: Comparison, incumbent: Incumbent, dataset: Dataset, training: Sessions, test: Sessions
) -> Comparison:
    """Judge what serves as well, on the test sessions of the data set that it has not learned.

    Where it has learned too many of them, what is on record of it stands in: how it was judged by the same sessions.
    """
    standing = Standing(incumbent.checkpoint_id, incumbent.lost_tracks)
    unlearned = incumbent.unlearned(dataset, test)
    asked = test.select(unlearned)
    if len(asked) >= LEAST_SESSIONS and len(asked.tracks) > len(asked):
        serving = evaluate(incumbent, asked, support=play_counts(training, len(dataset.catalogue)))
        return replace(
            comparison,
            baselines={**comparison.baselines, SERVING: serving},
            sessions={**comparison.sessions, SERVING: unlearned},
            standing=standing,
        )
    recorded = incumbent.recorded(dataset, test)
    note = (
        ""
        if recorded
        else f"Not compared with {incumbent.checkpoint_id}, which serves: it has not learned {len(asked):,} of the "
        f"{len(test):,} held-out sessions for certain, and {LEAST_SESSIONS} are needed."
    )
    return replace(comparison, standing=replace(standing, recorded=recorded, note=note))
