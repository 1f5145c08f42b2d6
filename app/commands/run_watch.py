"""Watches over a run from within its process: tells how far it is, and ends it when nobody wants it any more.

A thread says twice a second that the run is alive, and looks whether it is still this process's. If it was cancelled or
given to another, or if the worker that started the process is gone, the process ends at once: what the run has kept is
whole at any moment. Knows nothing of what a run does.
"""

import os
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.domain.training_runs import RunProgress, TrainingRun
from app.errors import JobsUnavailable, UnknownTrainingRun
from app.stores.training_runs import TrainingRuns

if TYPE_CHECKING:
    from app.trainer.progress import TrainingProgress

BEAT_S = 0.5
# Progress comes with every batch, hundreds of times a second.
TELL_S = 0.5
# How long the end of a run is told again and again while Redis is away; then another attempt finds what was published.
LAST_WORD_S = 600.0


class RunWatch:
    """A run in the hands of this process; use it as a context manager."""

    def __init__(self, runs: TrainingRuns, run: TrainingRun, log: Path) -> None:
        self.run = run
        self._runs = runs
        self._log = log
        self._parent = os.getppid()
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="segue-run-watch", daemon=True)
        self._told_at = 0.0
        self._epoch = (False, 0)

    def __enter__(self) -> Self:
        self._beating.start()
        self.note(f"attempt {self.run.attempts}: begun by {self.run.carrier}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beating.join()

    def note(self, line: str) -> None:
        """Add a line to the run's log, where runs are kept and in the run's folder."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")
        with suppress(JobsUnavailable):
            self._runs.note(self.run.run_id, line)

    def trace(self) -> None:
        """Add the error that is being handled to the run's log, line by line."""
        for line in traceback.format_exc().splitlines():
            self.note(line)

    def stage(self, title: str) -> None:
        """Tell that another stage begins."""
        self.note(title)
        self.change(lambda run: replace(run, progress=RunProgress(title)))

    def training(self, progress: "TrainingProgress") -> None:
        """Tell how far the training is, now and then; the log has a line for every epoch."""
        seen = progress.validation
        epoch = (progress.refit, progress.epoch)
        if epoch != self._epoch and seen is not None and not progress.refit:
            self.note(f"after epoch {progress.epoch - 1}: Recall@20 {seen.recall:.4f}, MRR@20 {seen.mrr:.4f}")
        if epoch == self._epoch and monotonic() - self._told_at < TELL_S:
            return
        self._epoch, self._told_at = epoch, monotonic()
        told = RunProgress(
            "refit" if progress.refit else "training",
            progress.epoch,
            progress.epochs,
            progress.loss,
            progress.events_per_s,
            progress.remaining_s,
            None if seen is None else seen.recall,
            None if seen is None else seen.mrr,
        )
        self.change(lambda run: replace(run, progress=told))

    def change(self, change: Callable[[TrainingRun], TrainingRun]) -> None:
        """Change the run as long as it is ours; what cannot be told now is told with the next change."""
        self.run = change(self.run)
        with suppress(JobsUnavailable):
            self._runs.change(self.run.run_id, lambda found: change(found) if self._is_ours(found) else found)

    def end(self, outcome: TrainingRun) -> None:
        """Keep what came of the run; while Redis is away, again and again for a while."""
        gives_up_at = monotonic() + LAST_WORD_S
        while True:
            try:
                self._runs.change(self.run.run_id, lambda found: outcome if self._is_ours(found) else found)
            except JobsUnavailable:
                if monotonic() > gives_up_at:
                    raise
                sleep(1.0)
            else:
                return

    def _is_ours(self, found: TrainingRun) -> bool:
        return found.is_with(self.run.carrier)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            with suppress(JobsUnavailable):
                try:
                    wanted = self._is_ours(self._runs.get(self.run.run_id))
                except UnknownTrainingRun:
                    wanted = False
                if not wanted and not self._over.is_set():
                    os._exit(0)
                self._runs.beat(self.run.run_id)
            if os.getppid() != self._parent:
                os._exit(1)
