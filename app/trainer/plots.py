"""The pictures of a training run: the learning curve, the comparison, and where the model is good.

Figures are made without pyplot, so nothing global is touched. Knows nothing of files or pages.
"""

import io
import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from app.trainer.breakdown import Slice
from app.trainer.comparison import Comparison
from app.trainer.evaluation import Metrics
from app.trainer.gate import FLOORS
from app.trainer.metrics import HEADLINE
from app.trainer.optimizer import course
from app.trainer.trained import TrainedNetwork

INK = "#2b2f36"
"""The colour of text and axes; a page that has its own replaces it."""

MODEL, OTHER, SECOND, FAINT = "#2f7ed8", "#9aa1ab", "#d9822b", "#8f96a155"
_PIXELS_PER_INCH = 144


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG on white."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    # What was laid out stays so: finding the room for every label takes as long as drawing.
    figure.set_layout_engine("none")
    return content.getvalue()


def svg(figure: Figure, name: str) -> str:
    """Return the figure as an SVG element to stand in a page: no background, text as paths, ids of its own.

    Every figure numbers its parts and glyphs alike; `name` keeps them apart from those of the page's other figures.
    """
    content = io.StringIO()
    figure.savefig(
        content, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    picture = content.getvalue()
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", picture[picture.index("<svg") :])


def learning_curve(trained: TrainedNetwork) -> Figure:
    """Draw loss, validation figures and learning rate by epoch."""
    figure = panel(11, 3.4)
    losses, ranking, rate = figure.subplots(1, 3, width_ratios=(5, 5, 3))
    epochs = [record.epoch for record in trained.history]
    _line(losses, epochs, [record.loss for record in trained.history], OTHER, "training loss")
    _line(losses, epochs, [record.log_loss for record in trained.history], MODEL, "validation log-loss")
    _line(ranking, epochs, [record.recall for record in trained.history], MODEL, f"Recall@{HEADLINE}")
    _line(ranking, epochs, [record.mrr for record in trained.history], SECOND, f"MRR@{HEADLINE}")
    ranking.set_ylim(bottom=0)
    for axes, title in ((losses, "Loss (nats)"), (ranking, "Validation ranking")):
        axes.axvline(trained.best_epoch, color=INK, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
        plain(axes, title, "epoch; dotted: the best")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.margins(x=0.06)
        axes.legend(loc="center right", frameon=False, fontsize=8.5, labelcolor=INK)
    share = np.linspace(0, 1, 200)
    recipe = trained.recipe
    rates = [recipe.learning_rate * course(float(at), recipe.warm_up, recipe.final_rate) for at in share]
    rate.plot(share * recipe.epochs, rates, color=OTHER, linewidth=1.8)
    rate.axvline(max(epochs, default=0), color=INK, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
    rate.set_ylim(bottom=0)
    plain(rate, "Learning rate", "epochs planned; dotted: stopped")
    return figure


def comparison_bars(comparison: Comparison) -> Figure:
    """Draw Recall@20 and MRR@20 of the model beside every baseline, with 95 % intervals."""
    metrics = [comparison.model, *reversed(list(comparison.baselines.values()))]
    figure = panel(11, 0.9 + 0.42 * len(metrics))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name, title in zip(panels, ("recall", "mrr"), ("Recall", "MRR"), strict=True):
        _bars(axes, metrics, f"{name}@{HEADLINE}")
        plain(axes, f"{title}@{HEADLINE}", "")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    panels[0].set_yticks(range(len(metrics)), [each.model for each in metrics])
    panels[0].invert_yaxis()
    return figure


def breakdown(comparison: Comparison) -> Figure:
    """Draw Recall@20 by position in the session and by how often the target was played in training."""
    figure = panel(11, 3.4)
    by_position, by_popularity = figure.subplots(1, 2)
    floors = (metrics for name, metrics in comparison.baselines.items() if name in FLOORS)
    shown = [comparison.model, *floors]
    colours = (MODEL, OTHER, SECOND)
    _slices(by_position, [(each.model, each.by_position) for each in shown], colours)
    _slices(by_popularity, [(each.model, each.by_popularity) for each in shown], colours)
    plain(by_position, f"Recall@{HEADLINE} by tracks heard before", "tracks heard before")
    plain(by_popularity, f"Recall@{HEADLINE} by plays of the target in training", "plays in training")
    by_position.legend(loc="upper right", frameon=False, fontsize=8.5, labelcolor=INK)
    return figure


def panel(width: float, height: float) -> Figure:
    """Return an empty figure of the common look, in inches."""
    return Figure(figsize=(width, height), dpi=_PIXELS_PER_INCH, layout="constrained")


def plain(axes: Axes, title: str, below: str) -> None:
    """Give axes the common look: a title at the left, faint grid lines, no box."""
    axes.set_title(title, loc="left", fontsize=10.5, color=INK, fontweight="bold")
    axes.set_xlabel(below, fontsize=8.5, color=INK)
    axes.tick_params(colors=INK, labelsize=8.5, width=0.6)
    axes.grid(visible=True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
        spine.set_linewidth(0.6)


def _line(axes: Axes, epochs: Sequence[int], values: Sequence[float], colour: str, label: str) -> None:
    axes.plot(epochs, values, color=colour, linewidth=1.8, marker="o", markersize=3.5, label=label)


def _bars(axes: Axes, metrics: Sequence[Metrics], name: str) -> None:
    farthest = max([0.01, *(each.intervals[name].high for each in metrics), *(each.figures[name] for each in metrics)])
    for row, each in enumerate(metrics):
        value, interval = each.figures[name], each.intervals[name]
        axes.barh(row, value, height=0.62, color=MODEL if row == 0 else OTHER)
        axes.plot((interval.low, interval.high), (row, row), color=INK, linewidth=1.4, solid_capstyle="butt")
        text = axes.text(
            max(interval.high, value) + farthest * 0.015, row, f"{value:.4f}", va="center", fontsize=8.5, color=INK
        )
        text.set_fontweight("bold" if row == 0 else "normal")
    axes.set_xlim(0, farthest * 1.16)


def _slices(axes: Axes, series: Sequence[tuple[str, Sequence[Slice]]], colours: Sequence[str]) -> None:
    labels = [part.label for part in series[0][1]]
    for number, ((name, parts), colour) in enumerate(zip(series, colours, strict=False)):
        at = np.array([labels.index(part.label) for part in parts if part.label in labels])
        kept = [part for part in parts if part.label in labels]
        values = [part.recall for part in kept]
        lows, highs = [part.low for part in kept], [part.high for part in kept]
        axes.vlines(at, lows, highs, color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(at, values, color=colour, linewidth=1.8, marker="o", markersize=4, label=name, zorder=3 - number / 10)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
