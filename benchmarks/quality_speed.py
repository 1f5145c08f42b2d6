"""How long two recipes take to the same Recall@20: a race in one process, turn by turn, evaluation left out.

The recipe that has learned for less time has the next turn, so that whatever else the machine does slows both alike.
Knows nothing of tables or targets.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import torch

from app.dataset.folder import Sessions
from app.trainer.learner import Learner
from app.trainer.recipe import Recipe
from app.trainer.validation import thinned, validate
from benchmarks.quality_data import Measured
from benchmarks.quality_run import Record, machine

LEVEL = 0.20
TARGETS = 10_000
_GROWTH = 1.2  # each turn ends when the recipe has learned for a fifth longer than at the one before


class Runner:
    """One recipe in the race. `curve` holds (seconds, CPU seconds, Recall@20) at the end of each turn."""

    def __init__(self, recipe: Recipe, sessions: Sessions, catalogue_size: int, first_turn_s: float) -> None:
        started, cpu_started = time.perf_counter(), time.process_time()
        self.recipe = recipe
        self._learner = Learner(sessions, catalogue_size, recipe)
        self._epoch, self._number, self._batches = 0, 0, self._learner.batches.epoch(recipe.seed, 0)
        self.events = 0
        self.curve: list[tuple[float, float, float]] = []
        # What comes before the first step, such as where tracks begin, is part of the time.
        self.seconds = time.perf_counter() - started
        self.cpu_seconds = time.process_time() - cpu_started
        self._next_turn_s = self.seconds + first_turn_s

    @property
    def epochs(self) -> float:
        """How often the sessions have been gone through."""
        return self._epoch + self._number / len(self._batches)

    def turn(self) -> None:
        """Learn until the turn is over."""
        started, cpu_started, before = time.perf_counter(), time.process_time(), self.seconds
        while self.seconds < self._next_turn_s:
            if self._number == len(self._batches):
                self._epoch, self._number = self._epoch + 1, 0
                self._batches = self._learner.batches.epoch(self.recipe.seed, self._epoch)
            progress = min(self.epochs / self.recipe.epochs, 1.0)
            _, events = self._learner.step(self._epoch, self._number, self._batches[self._number], progress)
            self.events += events
            self._number += 1
            self.seconds = before + time.perf_counter() - started
        self.cpu_seconds += time.process_time() - cpu_started
        self._next_turn_s = self.seconds * _GROWTH

    def judge(self, sample: Sessions) -> float:
        """Find Recall@20 on the sample and note it."""
        recall = validate(self._learner.network, sample).recall
        self.curve.append((self.seconds, self.cpu_seconds, recall))
        return recall


def race(
    measured: Measured,
    recipes: Sequence[Recipe],
    limit_s: float,
    *,
    level: float = LEVEL,
    targets: int = TARGETS,
    first_turn_s: float = 5.0,
    whole: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Record:
    """Train each recipe on all training sessions until Recall@20 on a fixed sample of the test reaches the level.

    A recipe that has learned for `limit_s` without getting there is stopped.
    """
    # What torch loads when a network first learns is not learning.
    torch.optim.Adam([torch.zeros(1, requires_grad=True)]).step()
    torch.optim.Adagrad([torch.zeros(1, requires_grad=True)]).step()
    sample = thinned(measured.test, targets)
    stated = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": measured.name,
        "whole": whole,
        "level": level,
        "targets": len(sample.tracks) - len(sample),
        "machine": machine(),
        "load_before": round(os.getloadavg()[0], 1),
    }
    runners = [
        Runner(recipe, measured.training.sessions, len(measured.training.catalogue), first_turn_s) for recipe in recipes
    ]
    racing = list(runners)
    while racing:
        runner = min(racing, key=lambda one: one.seconds)
        runner.turn()
        recall = runner.judge(sample)
        tell(f"{runner.recipe.name}: Recall@20 {recall:.4f} after {runner.seconds:.1f} s, {runner.epochs:.2f} epochs")
        if recall >= level or runner.seconds >= limit_s:
            racing.remove(runner)
    runs = {runner.recipe.name: _account(runner, level) for runner in runners}
    return stated | {"load_after": round(os.getloadavg()[0], 1), "runs": runs}


def reached(curve: Sequence[tuple[float, float, float]], level: float) -> tuple[float, float] | None:
    """Return seconds and CPU seconds at which a curve first reaches a level, in a straight line between two points."""
    before = (0.0, 0.0, 0.0)
    for point in curve:
        if point[2] >= level:
            share = (level - before[2]) / (point[2] - before[2])
            return before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])
        before = point
    return None


def ratio(runs: Mapping[str, Record], ours: str, reference: str) -> str:
    """Say in a sentence how much longer the reference takes."""
    own, other = runs[ours], runs[reference]
    if own["reached_s"] is None:
        return f"{ours} did not get there in {own['seconds']:.0f} s of learning."
    if other["reached_s"] is None:
        least = other["seconds"] / own["reached_s"]
        return (
            f"{ours}: {own['reached_s']:.1f} s. {reference} was stopped after {other['seconds']:.0f} s: > {least:.1f}x."
        )
    times = other["reached_s"] / own["reached_s"]
    return f"{ours}: {own['reached_s']:.1f} s. {reference}: {other['reached_s']:.1f} s, {times:.1f} times as long."


def _account(runner: Runner, level: float) -> Record:
    found = reached(runner.curve, level)
    return {
        "reached_s": found[0] if found else None,
        "reached_cpu_s": found[1] if found else None,
        "seconds": runner.seconds,
        "cpu_seconds": runner.cpu_seconds,
        "events_per_s": runner.events / runner.seconds,
        "epochs": runner.epochs,
        "curve": [[round(seconds, 2), round(cpu, 2), round(recall, 5)] for seconds, cpu, recall in runner.curve],
    }
