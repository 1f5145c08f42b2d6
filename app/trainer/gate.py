"""The evaluation gate: may a new checkpoint answer listeners?

It must do better than counting does, and not worse than what serves now. Knows nothing of checkpoints beyond the
verdict it gives.
"""

from collections.abc import Iterator, Mapping
from math import hypot, isfinite

from app.rnn.manifest import Verdict
from app.trainer.comparison import NEIGHBOURS, Comparison
from app.trainer.evaluation import Metrics
from app.trainer.incumbent import SERVING, Standing
from app.trainer.metrics import HEADLINE
from app.trainer.resampling import SessionTotals
from app.trainer.segments import SEGMENTS

FLOORS = ("popularity", "markov")
"""The baselines a checkpoint has to beat."""

MOST_LOST_TRACKS = 0.1
"""The share of what serves that a new catalogue may lack: their listeners' tracks become unknown ones."""

MOST_SEGMENT_LOSS = 0.05
"""The share of Recall@20 that a segment may certainly lose against what serves, for what the others gain."""

LEAST_SEGMENT_SESSIONS = 30

_RECALL, _MRR = f"recall@{HEADLINE}", f"mrr@{HEADLINE}"
_DECISIVE = {_RECALL: f"Recall@{HEADLINE}", _MRR: f"MRR@{HEADLINE}"}


def verdict(comparison: Comparison, *, may_lose: float = MOST_LOST_TRACKS) -> Verdict:
    """Accept a model that is better than counting and not worse than what serves; else say every reason in figures.

    It beats a baseline of FLOORS when Recall@20 or MRR@20 is higher and the other is not significantly lower, that is
    when the 95 % bootstrap interval of the paired difference over sessions does not lie below 0. V-SKNN must not beat
    it significantly. Neither figure may be significantly below that of what serves, nor may a segment certainly lose
    more than MOST_SEGMENT_LOSS of its recall, nor the catalogue more than `may_lose` of its tracks. Figures that are
    not numbers, and a model that ranks the same track first whatever was heard, are refused before that. Raises
    KeyError when a baseline is missing, ValueError when one was judged on other targets.
    """
    model = comparison.model
    broken = _broken(model)
    reasons = [broken] if broken else list(_objections(comparison, may_lose))
    if reasons:
        return Verdict(accepted=False, reason=" ".join(reasons))
    beaten = " and ".join(f"{name} ({_figures(comparison.baselines[name].figures)})" for name in FLOORS)
    sentences = [f"{_figures(model.figures)} beats {beaten} on {model.targets:,} targets.", *_standing(comparison)]
    return Verdict(accepted=True, reason=" ".join(sentences))


def _objections(comparison: Comparison, may_lose: float) -> Iterator[str]:
    """Yield every reason to refuse figures that can be believed."""
    for name in FLOORS:
        yield from _not_better(comparison, name)
    yield from _beaten_by_neighbours(comparison)
    if comparison.standing is not None:
        yield from _shrunk(comparison.standing, may_lose)
        yield from _worse_than_recorded(comparison.model, comparison.standing)
        if SERVING in comparison.baselines:
            yield from _worse_than_serving(comparison, comparison.standing)


def _broken(model: Metrics) -> str | None:
    """Return why the figures cannot be believed, or None."""
    wrong = [name for name, value in model.figures.items() if not isfinite(value)]
    if model.log_loss is not None and not isfinite(model.log_loss):
        wrong.append("log-loss")
    if wrong:
        return f"Expected numbers, got NaN or infinity for {', '.join(wrong)}: the network's weights are broken."
    if model.first_tracks <= 1 < model.target_tracks:
        return (
            f"It ranks the same track first for all {model.targets:,} targets, among which are "
            f"{model.target_tracks:,} different tracks: it has learned nothing from what was heard."
        )
    return None


def _not_better(comparison: Comparison, name: str) -> Iterator[str]:
    """Yield why the model does not beat a baseline."""
    own, others = (totals.means() for totals in comparison.totals(name))
    if not any(own[figure] > others[figure] for figure in _DECISIVE):
        yield f"Neither figure is above {name}'s: {_figures(own)} against {_figures(others)}."
        return
    yield from _significantly_below(comparison.totals(name), f"{name}'s")


def _beaten_by_neighbours(comparison: Comparison) -> Iterator[str]:
    """Yield why past sessions alone would do better, if they would."""
    model, neighbours = comparison.totals(NEIGHBOURS)
    own, others = model.means(), neighbours.means()
    if all(own[figure] <= others[figure] for figure in _DECISIVE):
        yield from _significantly_below((model, neighbours), f"{NEIGHBOURS}'s")


def _shrunk(standing: Standing, may_lose: float) -> Iterator[str]:
    if standing.lost_tracks > may_lose:
        yield (
            f"The catalogue has shrunk: it lacks {standing.lost_tracks:.1%} of the tracks of {standing.checkpoint_id}, "
            f"which serves, and at most {may_lose:.0%} may go. Import what is missing, or say that it may go."
        )


def _worse_than_serving(comparison: Comparison, standing: Standing) -> Iterator[str]:
    """Yield where the model is worse than what serves, on sessions neither has learned."""
    which = f"that of {standing.checkpoint_id}, which serves,"
    yield from _significantly_below(comparison.totals(SERVING), which)
    for segment, meaning in SEGMENTS.items():
        if any(segment not in each.segments for each in (comparison.model, comparison.baselines[SERVING])):
            continue
        own, serving = comparison.totals(SERVING, segment)
        if len(own) < LEAST_SEGMENT_SESSIONS:
            continue
        now = serving.means()[_RECALL]
        interval = own.minus(serving).intervals()[_RECALL]
        if interval.high < -MOST_SEGMENT_LOSS * now:
            yield (
                f"{segment.capitalize()} ({meaning}) lose: {_DECISIVE[_RECALL]} of {own.means()[_RECALL]:.4f} there is "
                f"below {which} {now:.4f} by {-interval.high:.4f} to {-interval.low:.4f} with 95 % confidence."
            )


def _worse_than_recorded(model: Metrics, standing: Standing) -> Iterator[str]:
    """Yield where the model is worse than what serves was found to be by the same sessions, before it learned them.

    The two are not paired: the variances of two independent means add up, which is more cautious.
    """
    for name, (value, interval) in standing.recorded.items():
        own, spread = model.figures[name], model.intervals[name]
        margin = hypot(spread.high - spread.low, interval.high - interval.low) / 2
        if own + margin < value:
            yield (
                f"{_DECISIVE[name]} of {own:.4f} is significantly below the {value:.4f} that {standing.checkpoint_id}, "
                f"which serves, had on the same sessions: the difference is {own - value:.4f} ± {margin:.4f}."
            )


def _significantly_below(both: tuple[SessionTotals, SessionTotals], which: str) -> Iterator[str]:
    """Yield which of the model's figures certainly lie below those of the other, if any does."""
    model, other = both
    own, others, intervals = model.means(), other.means(), model.minus(other).intervals()
    for name, word in _DECISIVE.items():
        if intervals[name].high < 0:
            yield (
                f"{word} of {own[name]:.4f} is significantly below {which} {others[name]:.4f}: the difference lies "
                f"between {intervals[name].low:.4f} and {intervals[name].high:.4f} with 95 % confidence. "
                f"{_figures(own)} against {_figures(others)}."
            )


def _standing(comparison: Comparison) -> Iterator[str]:
    """Yield how an accepted model stands to what serves."""
    standing = comparison.standing
    if standing is None:
        return
    if SERVING in comparison.baselines:
        own, serving = comparison.totals(SERVING)
        yield (
            f"Not worse than {standing.checkpoint_id}, which serves: {_figures(own.means())} against "
            f"{_figures(serving.means())} on {len(own):,} sessions that it has not learned."
        )
    elif standing.recorded:
        then = {name: value for name, (value, _) in standing.recorded.items()}
        yield f"Not worse than {standing.checkpoint_id}, which serves, was on the same sessions ({_figures(then)})."
    if standing.note:
        yield standing.note


def _figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{word} {figures[name]:.4f}" for name, word in _DECISIVE.items())
