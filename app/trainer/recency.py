"""How soon listening grows old: the half-life at which newer sessions are read more often, chosen by trying.

Each half-life has a short run of its own on the older sessions, a fraction of what the whole run costs; the newest
tell which foresaw them better. Knows nothing of the whole run.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.dataset.folder import Sessions
from app.rnn.network import RecurrentNetwork
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.judged_network import JudgedNetwork
from app.trainer.learner import Learner
from app.trainer.recipe import Recipe
from app.trainer.team import Team

HALF_LIVES = (0.25, 0.1, 0.04)
"""Shares of the sessions, tried one after the other for as long as each is surely better than the one before."""

_MOST_EVENTS = 100_000
_SHARE_OF_RUN = 1 / 4
_LEAST_SESSIONS = 30  # held out: among fewer, chance looks sure


@dataclass(frozen=True, slots=True)
class TriedHalfLife:
    """A half-life, 0 for sessions of all times alike, and how well its short run foresaw the held-out sessions."""

    half_life: float
    recall: float
    mrr: float


LearnerOf = Callable[[Recipe], Learner]


def try_half_lives(
    recipe: Recipe, learner_of: LearnerOf, newest: Sessions, team: Team
) -> tuple[float, tuple[TriedHalfLife, ...]]:
    """Return the half-life that foresees the newest sessions best, and all that were tried.

    Another than 0 is taken only where resampling the sessions leaves no doubt that it has more Recall@20 + MRR@20.
    `learner_of` makes learners on the older sessions.
    """
    if len(newest) < _LEAST_SESSIONS:
        return 0.0, ()
    best, chosen, tried = None, 0.0, []
    for half_life in (0.0, *HALF_LIVES):
        learner = learner_of(replace(recipe, half_life=half_life))
        _learn(learner, recipe)
        # Every process in a team makes the same of the same figures.
        found = team.from_lead(lambda: _judged(learner.network, newest))  # noqa: B023 -- called at once
        tried.append(TriedHalfLife(half_life, found.recall, found.mrr))
        if best is not None and not _surely_better(found, best):
            break
        best, chosen = found, half_life
    return chosen, tuple(tried)


def _learn(learner: Learner, recipe: Recipe) -> None:
    """Learn for a part of the run, the rates rising and falling as they do over a whole one."""
    events = min(_MOST_EVENTS, int(recipe.epochs * learner.batches.events * _SHARE_OF_RUN))
    learned = epoch = 0
    while learned < events:
        for number, windows in enumerate(learner.batches.epoch(recipe.seed, epoch)):
            if learned < events:
                learned += learner.step(epoch, number, windows, learned / events)[1]
        epoch += 1


def _judged(network: RecurrentNetwork, newest: Sessions) -> Metrics:
    return evaluate(JudgedNetwork(network), newest, resamples=0)


def _surely_better(found: Metrics, best: Metrics) -> bool:
    gains = found.totals.minus(best.totals).summed("gain", ("recall@20", "mrr@20"))
    return gains.intervals()["gain"].low > 0
