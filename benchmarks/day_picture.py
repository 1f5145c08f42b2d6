"""The day of `demo_day` as a picture and a table: how well what was played had been suggested, by who suggested it.

Knows nothing of how the day came about.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.day_operator import Step
from benchmarks.day_players import Note, Notes

INK, FAINT, GRID = "#2b2f36", "#6a717c", "#e3e6ea"
_COLOURS = {"first": "#7a8190", "retrained": "#1f77d0", "bad": "#c8392f"}
_LEAST_PLAYS = 40  # of a bin: fewer say nothing
BIN_S = 1200.0


def draw(path: Path, notes: Notes, steps: Sequence[Step], names: dict[str, str]) -> None:
    """Write the day as PNG; `names` calls checkpoints `first`, `retrained` or `bad` by their ids."""
    figure = Figure(figsize=(12, 7.2), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    quality, pace = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for axes in (quality, pace):
        axes.grid(axis="y", color=GRID)
        axes.tick_params(colors=FAINT)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    _quality(quality, notes.notes, names)
    _marks(quality, pace, steps)
    _pace(pace, notes.notes)
    hours = range(int(min(note.at_s for note in notes.notes) // 3600), int(notes.notes[-1].at_s // 3600) + 2)
    pace.set_xticks([3600 * hour for hour in hours], [f"{hour}:00" for hour in hours])
    figure.suptitle(
        f"One day of {notes.requests:,} requests, {len(notes.failures)} of them failed",
        color=INK,
        x=0.01,
        ha="left",
        fontsize=14,
    )
    figure.savefig(path)


def table(notes: Notes, names: dict[str, str]) -> Table:
    """Return how well each checkpoint suggested over the whole day."""
    shown = Table(title="The day by checkpoint")
    for title in ("checkpoint", "id", "plays judged", "Hit@20", "answers, p50 ms", "p99 ms"):
        shown.add_column(title, justify="left" if title in {"checkpoint", "id"} else "right")
    for checkpoint_id, name in names.items():
        own = [note for note in notes.notes if note.ranked_by == checkpoint_id]
        judged = [note.foreseen for note in own if note.foreseen is not None]
        if judged:
            p50, p99 = np.percentile([note.took_ms for note in own], (50, 99))
            share = f"{np.mean(judged):.3f}"
            shown.add_row(name, checkpoint_id, f"{len(judged):,}", share, f"{p50:.1f}", f"{p99:.1f}")
    return shown


def binned(notes: Sequence[Note], checkpoint_id: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the middle of each twenty minutes and the share of plays that the checkpoint had suggested, both (n,)."""
    found: dict[int, list[bool]] = defaultdict(list)
    for note in notes:
        if note.ranked_by == checkpoint_id and note.foreseen is not None:
            found[int(note.at_s // BIN_S)].append(note.foreseen)
    kept = sorted(number for number, plays in found.items() if len(plays) >= _LEAST_PLAYS)
    return (np.array(kept) + 0.5) * BIN_S, np.array([np.mean(found[number]) for number in kept])


def _quality(axes: Axes, notes: Sequence[Note], names: dict[str, str]) -> None:
    for checkpoint_id, name in names.items():
        at, share = binned(notes, checkpoint_id)
        axes.plot(at, share, color=_COLOURS[name], linewidth=2.2, marker="o", markersize=4, label=f"{name} checkpoint")
    axes.set_ylim(0, 0.9)
    axes.set_ylabel("played tracks that stood among\nthe 20 suggested (by twenty minutes)", color=INK)
    axes.legend(loc="lower left", frameon=False, labelcolor=INK)


def _marks(quality: Axes, pace: Axes, steps: Sequence[Step]) -> None:
    """Draw a line for every step, and its name where the ones before leave room."""
    rows = [-1e9] * len(steps)
    left, right = quality.get_xlim()
    span = right - left
    for step in steps:
        for axes in (quality, pace):
            axes.axvline(step.at_s, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
        row = next(row for row, taken_to in enumerate(rows) if step.at_s >= taken_to)
        rows[row] = step.at_s + 0.2 * span
        quality.annotate(
            step.what,
            (step.at_s, 0.985 - 0.055 * row),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            va="top",
            color=INK,
            fontsize=9.5,
        )


def _pace(axes: Axes, notes: Sequence[Note]) -> None:
    found: dict[int, list[float]] = defaultdict(list)
    for note in notes:
        found[int(note.at_s // BIN_S)].append(note.took_ms)
    numbers = sorted(found)
    at = (np.array(numbers) + 0.5) * BIN_S
    for share, style in ((50, "-"), (99, ":")):
        p = [np.percentile(found[number], share) for number in numbers]
        axes.plot(at, p, color=INK, linewidth=1.4, linestyle=style, label=f"p{share}")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("ms for an answer", color=INK)
    axes.legend(loc="upper left", frameon=False, labelcolor=INK, ncols=2)
