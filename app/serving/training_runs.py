"""Training runs as the service sees them: asked for, looked at, followed, cancelled. Others carry them out.

Knows nothing of HTTP, and of what a run learns.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import time

import structlog

from app.domain.training_runs import RunState, TrainingAsk, TrainingRun
from app.errors import JobsUnavailable, TrainingRunOver
from app.rnn.manifest import Manifest
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.stores.run_outcomes import published_by
from app.stores.training_jobs import TrainingJobs
from app.stores.training_runs import TrainingRuns, connect_runs

# How often a run that somebody follows is looked at.
LOOK_S = 0.5
CARRIER = "app.commands.retraining.carry_out"

log = structlog.get_logger(__name__)


class Training:
    """The runs of a service. Raises JobsUnavailable wherever their Redis cannot be reached."""

    def __init__(self, checkpoints: CheckpointStore, url: str | None, *, timeout_s: float) -> None:
        self._checkpoints = checkpoints
        self._url = url
        self._timeout_s = timeout_s
        self._opened: tuple[TrainingRuns, TrainingJobs] | None = None

    @classmethod
    def over(cls, checkpoints: CheckpointStore, settings: Settings) -> "Training":
        """Return the runs that go through the Redis that the settings name."""
        return cls(checkpoints, settings.jobs_url, timeout_s=settings.redis_timeout_s)

    async def begin(self, ask: TrainingAsk) -> TrainingRun:
        """Ask for a run; raise TrainingRunUnderWay, and UnknownCheckpoint for a base that is not there."""
        run = await asyncio.to_thread(self.begin_now, ask)
        log.info("training_run_asked_for", run_id=run.run_id, recipe=ask.recipe, dry_run=ask.dry_run)
        return run

    def begin_now(self, ask: TrainingAsk, *, by: str = "caller") -> TrainingRun:
        """Ask for a run, on this thread."""
        runs, jobs = self.behind
        if ask.base is not None:
            ask = replace(ask, base=self._checkpoints.resolve(ask.base))
        run = TrainingRun.asked(ask, time(), by=by)
        runs.add(run)
        runs.note(run.run_id, f"asked for by {by}: recipe {ask.recipe}{', dry run' if ask.dry_run else ''}")
        # Killed here, the run is queued in its record only: the next worker to look finds that and puts it there.
        jobs.put(run)
        return run

    async def newest(self) -> Sequence[TrainingRun]:
        """Return the runs that are remembered, newest first."""
        return await asyncio.to_thread(lambda: self.behind[0].newest())

    async def get(self, run_id: str) -> TrainingRun:
        """Return a run; raise UnknownTrainingRun."""
        return await asyncio.to_thread(lambda: self.behind[0].get(run_id))

    async def told(self, run_id: str) -> Sequence[str]:
        """Return the lines of a run's log; raise UnknownTrainingRun."""
        return await asyncio.to_thread(lambda: self.behind[0].log(run_id))

    def published(self, run: TrainingRun) -> Manifest | None:
        """Return what a run has published, on this thread: it may not have come to say so."""
        return published_by(self._checkpoints, run)

    async def cancel(self, run_id: str) -> TrainingRun:
        """End a run that is not over; whoever carries it out stops within a second. Raise TrainingRunOver."""
        run = await asyncio.to_thread(self.cancel_now, run_id)
        log.info("training_run_cancelled", run_id=run_id)
        return run

    def cancel_now(self, run_id: str) -> TrainingRun:
        """End a run, on this thread."""
        runs, _ = self.behind
        before = runs.get(run_id)
        run = runs.change(run_id, lambda found: found.cancelled(time()))
        if before.state.is_over or run.state is not RunState.CANCELLED:
            raise TrainingRunOver(
                f"Expected a run that is queued or running, got {run_id}, which is {run.state.value}."
            )
        runs.note(run_id, "cancelled")
        return run

    async def changed(self, run_id: str, version: int, patience_s: float) -> TrainingRun | None:
        """Return a run as soon as it is at another version; None when it stays at this one for so long."""
        ends_at = asyncio.get_running_loop().time() + patience_s
        while (run := await self.get(run_id)).version == version:
            if asyncio.get_running_loop().time() >= ends_at:
                return None
            await asyncio.sleep(LOOK_S)
        return run

    @property
    def behind(self) -> tuple[TrainingRuns, TrainingJobs]:
        """Records and queue; connections are made at the first command, and pooled."""
        if self._opened is None:
            if self._url is None:
                raise JobsUnavailable(
                    "Expected a Redis for training runs, found none. Name one in SEGUE_JOBS_REDIS_URL."
                )
            redis = connect_runs(self._url, self._timeout_s)
            self._opened = TrainingRuns(redis), TrainingJobs(redis, CARRIER)
        return self._opened
