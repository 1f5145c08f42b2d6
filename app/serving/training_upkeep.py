"""Keeps training runs going: what a killed worker left is queued again, what is due is asked for.

Every worker does this beside its work, every few seconds; that several do is harmless. Knows nothing of what a run
does.
"""

import os
import threading
from contextlib import suppress
from socket import gethostname
from time import time

import structlog

from app.domain.training_runs import RunState, TrainingAsk, TrainingRun
from app.errors import SegueError, TrainingRunUnderWay, TryLater
from app.serving.training_runs import Training
from app.serving.training_schedule import TrainingSchedule
from app.stores.run_outcomes import ended_with
from app.stores.training_jobs import TrainingJobs
from app.stores.training_runs import TrainingRuns

INTERVAL_S = 2.0
# Whoever carries a run says twice a second that it is alive, but gives way to all else on its machine, and is late
# where that takes all there is. On the same machine a process that is gone is seen at once.
SILENT_S = 60.0
MOST_ATTEMPTS = 5

log = structlog.get_logger(__name__)


class TrainingUpkeep:
    """Looks after the run under way, and begins those of the schedule."""

    def __init__(
        self, runs: TrainingRuns, jobs: TrainingJobs, training: Training, schedule: TrainingSchedule, ask: TrainingAsk
    ) -> None:
        self._runs = runs
        self._jobs = jobs
        self._training = training
        self._schedule = schedule
        self._ask = ask

    def keep_on(self, ending: threading.Event) -> None:
        """Look again and again until told to end; what fails is logged and tried again."""
        while not ending.is_set():
            try:
                self.look()
            except TryLater as outage:
                log.warning("training_runs_not_tended", reason=str(outage))
            ending.wait(INTERVAL_S)

    def look(self) -> None:
        """Do what is to be done now."""
        self._jobs.tidy()
        run = self._runs.current()
        if run is None:
            self._begin_what_is_due()
        elif run.state is RunState.RUNNING and self._is_lost(run):
            self._take_back(run)
        elif run.state is RunState.QUEUED:
            self._jobs.put(run)  # a worker may have died between taking it out of the queue and beginning it

    def _is_lost(self, run: TrainingRun) -> bool:
        host, pid, _ = run.carrier.rsplit(":", 2)
        return (host == gethostname() and not _is_alive(int(pid))) or self._runs.silent_for_s(run.run_id) >= SILENT_S

    def _take_back(self, run: TrainingRun) -> None:
        """Queue a run again whose process is gone, unless that has happened too often."""

        published = self._training.published(run) if run.attempts >= MOST_ATTEMPTS else None

        def taken(found: TrainingRun) -> TrainingRun:
            if not found.is_with(run.carrier):
                return found
            if found.attempts >= MOST_ATTEMPTS:
                if published is not None:
                    return ended_with(found, published, time())
                lost = f"The process that carried it out died {MOST_ATTEMPTS} times, for lack of memory perhaps."
                return found.ended(RunState.FAILED, time(), error=lost)
            return found.queued_again()

        kept = self._runs.change(run.run_id, taken)
        if kept.state is RunState.QUEUED:
            self._jobs.put(kept)
        if not kept.is_with(run.carrier):
            self._runs.note(run.run_id, f"attempt {run.attempts}: its process is gone; {kept.state.value}")
            log.warning("training_run_lost_its_process", run_id=run.run_id, attempts=run.attempts, now=kept.state.value)

    def _begin_what_is_due(self) -> None:
        if (reason := self._schedule.due(time())) is None:
            return
        with suppress(TrainingRunUnderWay):
            try:
                run = self._training.begin_now(self._ask, by=reason)
                log.info("training_run_begun_by_schedule", run_id=run.run_id, reason=reason)
            except SegueError as refusal:
                log.error("scheduled_training_run_not_begun", reason=str(refusal))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
