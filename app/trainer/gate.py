"""The evaluation gate: may a new checkpoint answer listeners?

It must do better than counting does. Knows nothing of checkpoints beyond the verdict it gives.
"""

from collections.abc import Mapping
from math import isfinite

from app.rnn.manifest import Verdict
from app.trainer.evaluation import Metrics
from app.trainer.metrics import HEADLINE

FLOORS = ("popularity", "markov")
"""The baselines a checkpoint has to beat. The others are shown beside it, and are no condition."""

_DECISIVE = {f"recall@{HEADLINE}": f"Recall@{HEADLINE}", f"mrr@{HEADLINE}": f"MRR@{HEADLINE}"}


def verdict(model: Metrics, baselines: Mapping[str, Metrics]) -> Verdict:
    """Accept a model that beats popularity and Markov; give the reason in words and figures.

    It beats a baseline when Recall@20 or MRR@20 is higher and the other is not significantly lower, that is when the
    95 % bootstrap interval of the paired difference over sessions does not lie below 0. A model whose figures are not
    numbers, or that ranks the same track first whatever was heard, is refused before that. Raises KeyError when
    `baselines` lacks one of FLOORS, ValueError when one was judged on other targets.
    """
    reason = _broken(model) or next(filter(None, (_worse(model, baselines[name]) for name in FLOORS)), None)
    if reason is not None:
        return Verdict(accepted=False, reason=reason)
    beaten = " and ".join(f"{name} ({_figures(baselines[name])})" for name in FLOORS)
    return Verdict(accepted=True, reason=f"{_figures(model)} beats {beaten} on {model.targets:,} targets.")


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


def _worse(model: Metrics, baseline: Metrics) -> str | None:
    """Return why the model does not beat the baseline, or None when it does."""
    better = [name for name in _DECISIVE if model.figures[name] > baseline.figures[name]]
    if not better:
        return f"Neither figure is above {baseline.model}'s: {_figures(model)} against {_figures(baseline)}."
    difference = model.totals.minus(baseline.totals)
    intervals = difference.intervals()
    for name, word in _DECISIVE.items():
        if intervals[name].high < 0:
            return (
                f"{word} of {model.figures[name]:.4f} is significantly below {baseline.model}'s "
                f"{baseline.figures[name]:.4f}: the difference lies between {intervals[name].low:.4f} and "
                f"{intervals[name].high:.4f} with 95 % confidence. {_figures(model)} against {_figures(baseline)}."
            )
    return None


def _figures(metrics: Metrics) -> str:
    return ", ".join(f"{word} {metrics.figures[name]:.4f}" for name, word in _DECISIVE.items())
