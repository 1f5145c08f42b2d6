"""The picture of a search for a recipe: how far it got, trial by trial, and which settings mattered.

Knows nothing of files, or of how the search proceeds.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from app.trainer.metrics import HEADLINE
from app.trainer.plots import INK, MODEL, OTHER, SECOND, panel, plain
from app.trainer.tuning import Tuning

_GOODNESS = f"Recall@{HEADLINE} + MRR@{HEADLINE}"


def tuning_history(tuning: Tuning) -> Figure:
    """Draw the trials in order with the best so far, their learning curves, and the importance of each setting."""
    figure = panel(11, 3.6)
    by_trial, by_epoch, by_setting = figure.subplots(1, 3, width_ratios=(4, 4, 3))
    _trials(by_trial, tuning)
    for trial in tuning.trials:
        best = trial is tuning.best
        by_epoch.plot(
            range(1, len(trial.curve) + 1),
            trial.curve,
            color=MODEL if best else OTHER,
            linewidth=2.0 if best else 0.9,
            marker="o",
            markersize=3 if best else 1.8,
            zorder=3 if best else 2,
        )
    plain(by_epoch, "Learning curves on validation", "epoch; blue: the best trial")
    by_epoch.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _importances(by_setting, tuning)
    return figure


def _trials(axes: Axes, tuning: Tuning) -> None:
    best, through = -np.inf, []
    for trial in tuning.trials:
        best = best if trial.pruned else max(best, trial.goodness)
        through.append(best)
    numbers = [trial.number for trial in tuning.trials]
    axes.step(numbers, through, where="post", color=MODEL, linewidth=1.6, label="best so far")
    for pruned, colour, marker, label in ((False, OTHER, "o", "to its end"), (True, SECOND, "x", "ended early")):
        some = [trial for trial in tuning.trials if trial.pruned == pruned]
        at, heights = [trial.number for trial in some], [trial.goodness for trial in some]
        axes.plot(at, heights, color=colour, marker=marker, linestyle="none", markersize=5, label=label)
    plain(axes, _GOODNESS, "trial; the first is the recipe itself")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="lower right")


def _importances(axes: Axes, tuning: Tuning) -> None:
    shown = sorted(tuning.importances.items(), key=lambda entry: entry[1])
    axes.barh([name for name, _ in shown], [share for _, share in shown], color=MODEL, height=0.62)
    below = "share of the differences" if shown else "too few trials to tell"
    plain(axes, "What mattered", below)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(left=0)
