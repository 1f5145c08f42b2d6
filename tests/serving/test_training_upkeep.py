"""Runs go on though their processes die, and begin by themselves when they are due."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from socket import gethostname

import pytest
from redis import Redis

from app.domain.training_runs import RunState, TrainingAsk, TrainingRun
from app.errors import InvalidSetting
from app.serving.training_runs import CARRIER, Training
from app.serving.training_schedule import TrainingSchedule
from app.serving.training_upkeep import MOST_ATTEMPTS, TrainingUpkeep
from app.stores.checkpoints import CheckpointStore
from app.stores.keys import PREFIX
from app.stores.training_jobs import TrainingJobs
from app.stores.training_runs import TrainingRuns
from tests.stores.kept_runs import redis, runs, url

__all__ = ["redis", "runs", "url"]

NOON = 1_763_899_200.0  # 2025-11-23T12:00:00Z
HOUR_S = 3600.0


class Log:
    """How many events there are."""

    events = 0


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def upkeep(redis: Redis, runs: TrainingRuns, url: str, log: Log, tmp_path: Path) -> TrainingUpkeep:
    """Trains after every hundred events."""
    training = Training(CheckpointStore(tmp_path / "model_store"), url, timeout_s=5.0)
    schedule = TrainingSchedule(runs, cron=None, every_events=100, counted=lambda: log.events)
    return TrainingUpkeep(runs, TrainingJobs(redis, CARRIER), training, schedule, TrainingAsk(recipe="lstm"))


def queued(redis: Redis) -> list[str]:
    return TrainingJobs(redis, CARRIER).queue.job_ids


def with_carrier(runs: TrainingRuns, carrier: str, attempts: int = 1) -> TrainingRun:
    """A run that a process has begun."""
    run = TrainingRun.asked(TrainingAsk(), NOON)
    runs.add(run)
    return runs.change(run.run_id, lambda found: replace(found.begun(carrier, NOON), attempts=attempts))


def dead_pid() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_run_whose_process_died_is_queued_again(runs: TrainingRuns, redis: Redis, upkeep: TrainingUpkeep) -> None:
    """On this machine at once."""
    run = with_carrier(runs, f"{gethostname()}:{dead_pid()}:a")
    upkeep.look()
    assert runs.get(run.run_id).state is RunState.QUEUED
    assert queued(redis) == [f"{run.run_id}-2"]
    assert "its process is gone" in runs.log(run.run_id)[-1]


def test_a_run_that_fell_silent_elsewhere_is_queued_again(
    runs: TrainingRuns, redis: Redis, upkeep: TrainingUpkeep
) -> None:
    run = with_carrier(runs, "another-machine:1:a")
    upkeep.look()
    assert runs.get(run.run_id).state is RunState.RUNNING
    redis.hincrby(f"{PREFIX}training:run:{run.run_id}", "alive_at", -90)
    upkeep.look()
    assert runs.get(run.run_id).state is RunState.QUEUED


def test_a_run_that_lives_is_left_alone(runs: TrainingRuns, redis: Redis, upkeep: TrainingUpkeep) -> None:
    run = with_carrier(runs, f"{gethostname()}:{os.getpid()}:a")
    upkeep.look()
    assert runs.get(run.run_id) == run
    assert queued(redis) == []


def test_a_run_that_kills_every_process_fails(runs: TrainingRuns, redis: Redis, upkeep: TrainingUpkeep) -> None:
    """So that the next one can begin."""
    run = with_carrier(runs, f"{gethostname()}:{dead_pid()}:a", attempts=MOST_ATTEMPTS)
    upkeep.look()
    failed = runs.get(run.run_id)
    assert failed.state is RunState.FAILED
    assert failed.error is not None
    assert "memory" in failed.error
    assert runs.current() is None
    assert queued(redis) == []


def test_a_run_that_was_asked_for_and_never_queued_is(runs: TrainingRuns, redis: Redis, upkeep: TrainingUpkeep) -> None:
    """Whoever asked was killed between the two, or a worker between taking and beginning it."""
    run = TrainingRun.asked(TrainingAsk(), NOON)
    runs.add(run)
    upkeep.look()
    upkeep.look()
    assert queued(redis) == [f"{run.run_id}-1"]


def test_a_run_is_due_after_so_many_events(runs: TrainingRuns, upkeep: TrainingUpkeep, log: Log) -> None:
    """Once for each hundred, and not while another is under way."""
    log.events = 99
    upkeep.look()
    assert runs.current() is None
    log.events = 130
    upkeep.look()
    run = runs.current()
    assert run is not None
    assert (run.ask.recipe, run.asked_by) == ("lstm", "schedule every 100 events")
    log.events = 500
    upkeep.look()
    assert runs.current() == run
    runs.change(run.run_id, lambda found: found.cancelled(NOON))
    log.events = 229
    upkeep.look()
    assert runs.current() is None
    log.events = 230
    upkeep.look()
    assert runs.current() is not None


def test_events_that_were_erased_do_not_put_the_next_run_off(runs: TrainingRuns, log: Log) -> None:
    schedule = TrainingSchedule(runs, cron=None, every_events=100, counted=lambda: log.events)
    log.events = 1000
    assert schedule.due(NOON)
    log.events = 400
    assert not schedule.due(NOON)
    log.events = 500
    assert schedule.due(NOON)


def test_a_run_is_due_at_the_times_of_a_cron_expression(runs: TrainingRuns) -> None:
    """Told once, to one of those who look; what passed while nobody looked is made up for once."""
    one, other = (TrainingSchedule(runs, cron="30 * * * *", every_events=None, counted=lambda: 0) for _ in range(2))
    assert one.due(NOON) is None, "half past eleven was before anybody looked"
    assert one.due(NOON + 1700.0) is None
    assert one.due(NOON + 1801.0) == "schedule 30 * * * *"
    assert other.due(NOON + 1802.0) is None
    assert other.due(NOON + 10 * HOUR_S) == "schedule 30 * * * *"
    assert one.due(NOON + 10 * HOUR_S) is None


def test_a_cron_expression_that_is_none_is_refused(runs: TrainingRuns) -> None:
    with pytest.raises(InvalidSetting, match="SEGUE_TRAINING_CRON"):
        TrainingSchedule(runs, cron="every night", every_events=None, counted=lambda: 0)
