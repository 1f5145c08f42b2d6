"""A model beside the baselines: fitted on the same sessions, judged on the same targets.

Knows nothing of how the model learned or of what follows from the figures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.dataset.folder import Sessions
from app.trainer.baselines import item_knn, markov, popularity, sequential_rules, v_sknn
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.judgement import Judged
from app.trainer.targets import play_counts
from app.trainer.validation import thinned

Fit = Callable[[Sessions, int], Judged]

BASELINES: Mapping[str, Fit] = MappingProxyType(
    {
        "popularity": popularity.fit,
        "markov": markov.fit,
        "sequential rules": sequential_rules.fit,
        "item-kNN": item_knn.fit,
        "V-SKNN": v_sknn.fit,
    }
)
"""Every baseline by the name the tables call it, from plain to strong."""

NEIGHBOUR_TARGETS = 10_000
"""About how many targets V-SKNN is judged on: it searches thousands of sessions for each, a millisecond of work."""


@dataclass(frozen=True)
class Comparison:
    """The metrics of one model, and of each baseline by name.

    A baseline judged on fewer sessions than the model says so in its `sessions`.
    """

    model: Metrics
    baselines: Mapping[str, Metrics]


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
    baselines = judge_baselines(
        training,
        test,
        model.catalogue_size,
        seen_only=seen_only,
        neighbour_targets=neighbour_targets,
        on_judging=on_judging,
    )
    return Comparison(judged, baselines)


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
        asked = thinned(test, neighbour_targets) if fit is v_sknn.fit else test
        metrics[name] = evaluate(fit(training, catalogue_size), asked, support=support, seen_only=seen_only)
    return metrics
