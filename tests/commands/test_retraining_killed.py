"""A training run whose process is killed between publishing and its last word: what it did is told, and done once."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.training_runs import RunState, TrainingAsk, TrainingRun
from app.serving.training_schedule import TrainingSchedule
from app.serving.training_upkeep import MOST_ATTEMPTS, TrainingUpkeep
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from tests.emulator import ROOT
from tests.listening import ring, written
from tests.serving.conftest import draft

TRACKS = 60

# Carries a run out, and is gone before it opens, makes, renames or removes what has a name like this: SIGKILL.
KILLED = """
import os, signal, sys
run_id, part = sys.argv[1:]

def before(event, args):
    if event in ("open", "os.rename") and any(part in str(each) for each in args[:2]):
        os.kill(os.getpid(), signal.SIGKILL)

from app.commands.retraining import carry_out
if part:
    sys.addaudithook(before)
carry_out(run_id)
"""


@pytest.fixture
def settings(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A data set in which tracks foretell the next, and a recipe that learns that in a second."""
    written(ring(TRACKS, 500, 10, noise=0.2, seed=51), tmp_path / "ring")
    recipe = tmp_path / "recipes" / "tiny.toml"
    recipe.parent.mkdir()
    recipe.write_text("hidden_size = 32\nepochs = 12\nrefit = false\n")
    for name, value in (
        ("DATA_DIR", tmp_path),
        ("MODEL_STORE", tmp_path / "store"),
        ("JOBS_REDIS_URL", url),
        ("TRAINING_DATA", "ring"),
    ):
        monkeypatch.setenv(f"SEGUE_{name}", str(value))
    return Settings()


class Worker:
    """Begins runs, carries them out in processes of their own, and looks after those that were killed."""

    def __init__(self, settings: Settings) -> None:
        from app.commands.working import opened

        self.training = opened(settings)
        self.runs, jobs = self.training.behind
        for run in self.runs.newest():
            if not run.state.is_over:
                self.training.cancel_now(run.run_id)
        schedule = TrainingSchedule(self.runs, cron=None, every_events=None, counted=lambda: 0)
        self.upkeep = TrainingUpkeep(self.runs, jobs, self.training, schedule, TrainingAsk())

    def carry_out(self, run_id: str, *, killed_at: str = "") -> None:
        done = subprocess.run([sys.executable, "-c", KILLED, run_id, killed_at], cwd=ROOT, env=os.environ, check=False)
        assert done.returncode == (-signal.SIGKILL if killed_at else 0), "\n".join(self.runs.log(run_id))

    def after_kill(self, run_id: str) -> TrainingRun:
        """Return the run as it is once somebody has looked."""
        self.upkeep.look()
        return self.runs.get(run_id)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.parametrize("killed_at", ["labels.json-", "run.json-"], ids=["before it is promoted", "before it is told"])
def test_what_was_published_before_the_kill_is_told_once(settings: Settings, killed_at: str) -> None:
    worker, store = Worker(settings), CheckpointStore(settings.checkpoint_cache.parent / "store")
    run = worker.training.begin_now(TrainingAsk(recipe="tiny", promote=True))
    worker.carry_out(run.run_id, killed_at=killed_at)
    (published,) = store.ids()
    assert worker.after_kill(run.run_id).state is RunState.QUEUED
    worker.carry_out(run.run_id)
    ended = worker.runs.get(run.run_id)
    assert (ended.state, ended.checkpoint_id, ended.attempts) == (RunState.PUBLISHED, published, 2)
    assert ended.verdict is not None
    assert ended.verdict.accepted
    assert store.ids() == [published], "not twice"
    labels = store.labels()
    assert (labels.version, labels.stable) == (1, published), "promoted once"


@pytest.mark.faults
@pytest.mark.long
def test_an_operator_who_rolled_back_what_a_killed_run_had_promoted_is_not_overruled(settings: Settings) -> None:
    """However little time passed between the run's promotion, its being killed, and its next attempt."""
    worker, store = Worker(settings), CheckpointStore(settings.checkpoint_cache.parent / "store")
    served = store.publish(draft(1)).checkpoint_id
    store.promote("stable", served)
    run = worker.training.begin_now(TrainingAsk(recipe="tiny", promote=True))
    worker.carry_out(run.run_id, killed_at="run.json-")
    published = str(store.labels().stable)
    assert published != served
    assert store.rollback().stable == served
    worker.after_kill(run.run_id)
    worker.carry_out(run.run_id)
    ended = worker.runs.get(run.run_id)
    assert (ended.state, ended.checkpoint_id) == (RunState.PUBLISHED, published)
    labels = store.labels()
    assert (labels.version, labels.stable) == (3, served)


@pytest.mark.faults
@pytest.mark.long
def test_a_run_whose_last_attempt_published_has_not_failed(settings: Settings) -> None:
    """However often its process has died before."""
    worker, store = Worker(settings), CheckpointStore(settings.checkpoint_cache.parent / "store")
    run = worker.training.begin_now(TrainingAsk(recipe="tiny"))
    worker.runs.change(run.run_id, lambda found: replace(found, attempts=MOST_ATTEMPTS - 1))
    worker.carry_out(run.run_id, killed_at="run.json-")
    (published,) = store.ids()
    ended = worker.after_kill(run.run_id)
    assert (ended.state, ended.checkpoint_id, ended.error) == (RunState.PUBLISHED, published, None)
    assert ended.attempts == MOST_ATTEMPTS
