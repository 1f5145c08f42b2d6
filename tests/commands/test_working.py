"""`segue retrain`, `segue runs` and `segue worker`, as an operator calls them."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from app.commands import working
from app.errors import JobsUnavailable, SessionStoreUnavailable, TrainingRunOver, TrainingRunUnderWay, UnknownCheckpoint
from app.stores.training_runs import connect_runs
from tests.stores.conftest import until

ROOT = Path(__file__).parents[2]
cli = typer.Typer()
working.register(cli)


@pytest.fixture
def environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis for runs, and an empty data folder."""
    monkeypatch.setenv("SEGUE_JOBS_REDIS_URL", url)
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_MODEL_STORE", str(tmp_path / "model_store"))
    # Enough to be seen; at its lowest the worker would wait for every other test.
    monkeypatch.setenv("SEGUE_TRAINING_NICENESS", "1")
    with connect_runs(url, 5.0) as redis:
        redis.flushdb()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.mark.usefixtures("environment")
def test_a_run_is_asked_for_looked_at_and_called_off() -> None:
    """One at a time, as over HTTP."""
    asked = run("retrain", "--recipe", "lstm", "--window-days", "30", "--dry-run")
    assert asked.exit_code == 0, asked.output
    run_id = asked.output.strip()
    assert isinstance(run("retrain").exception, TrainingRunUnderWay)
    assert isinstance(run("retrain", "--base", "stable").exception, UnknownCheckpoint)
    listed = run("runs", "list").output
    assert re.search(r"queued .*lstm .*command line", re.sub(r"[│┃]", " ", listed))
    shown = json.loads(run("runs", "show", run_id).output)
    assert (shown["state"], shown["ask"]["window_days"], shown["ask"]["dry_run"]) == ("queued", 30.0, True)
    assert run("runs", "log", run_id).output.endswith("asked for by command line: recipe lstm, dry run\n")
    assert run("runs", "cancel", run_id).output == "cancelled\n"
    assert isinstance(run("runs", "cancel", run_id).exception, TrainingRunOver)
    watched = run("runs", "watch", run_id)
    assert watched.exit_code == 1
    assert watched.output.splitlines()[-1] == "cancelled"


@pytest.mark.usefixtures("environment")
def test_a_worker_carries_runs_out_until_it_is_told_to_end(tmp_path: Path) -> None:
    """It ends at once, and by itself where nobody would hear it."""
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "worker"], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    try:
        failed = run("retrain", "--recipe", "nobodys", "--watch")
        assert failed.exit_code == 1
        assert "nobodys" in failed.output.splitlines()[-1]
        assert "failed" in failed.output.splitlines()[-1]
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 1, 19)
        group = Path(f"/proc/{worker.pid}/autogroup")
        assert not group.exists() or group.read_text().endswith(" nice 1\n"), "a session gives way as a whole"
        worker.send_signal(signal.SIGTERM)
        until(lambda: worker.poll() is not None, 20.0)
        assert worker.returncode == 0, (tmp_path / "worker.log").read_text()
    finally:
        worker.kill()
        worker.wait()
    assert (tmp_path / "runs").is_dir()


def test_no_redis_for_runs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGUE_REDIS_URL", raising=False)
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    assert isinstance(run("retrain").exception, SessionStoreUnavailable), "no service runs here"
    monkeypatch.setenv("SEGUE_REDIS_URL", "redis+cluster://127.0.0.1:1")
    assert isinstance(run("retrain").exception, JobsUnavailable)
    assert isinstance(run("runs", "list").exception, JobsUnavailable)
