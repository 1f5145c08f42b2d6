"""A short run of `python -m tests.faults.kills`: workers and session server killed under load, nothing lost."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.faults import processes
from tests.faults.kills import WORKERS, run
from tests.faults.load import Load
from tests.stores.conftest import Server, until

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(400)]


def test_kills_lose_and_double_nothing(models: CheckpointStore, tmp_path: Path, publish: Callable[[str], None]) -> None:
    """Every event that was acknowledged is there, once, and each state is its replay; workers are started again."""
    outcome = run(models, tmp_path, seconds=20.0, seed=1)
    publish(outcome.table())
    assert outcome.told.wrong == []
    assert outcome.judgement.missing == 0
    assert outcome.judgement.twice == 0
    assert outcome.judgement.not_the_replay == ()
    assert outcome.not_logged == 0
    assert outcome.logged_twice == 0
    assert outcome.workers_left == WORKERS
    assert sum(kill.processes for kill in outcome.kills) > 3
    assert len(outcome.told.acknowledged) > 100


def test_worker_that_hangs_is_replaced(models: CheckpointStore, server: Server, tmp_path: Path) -> None:
    """Its parent kills it after a while; callers it left without an answer send their events again."""
    with Service(models.root, tmp_path / "data", workers=2, redis_url=server.url) as service:
        with Load(str(service.http.base_url), callers=4, name="hanging") as load:
            until(lambda: len(load.told.acknowledged) > 20, 30)
            hanging = processes.workers(service.pid)[0]
            os.kill(hanging, signal.SIGSTOP)
            until(lambda: hanging not in processes.workers(service.pid), 30)
            until(lambda: len(processes.workers(service.pid)) == 2, 30)
        for listener, reports in load.told.by_listener.items():
            assert service.http.get(f"/v1/listeners/{listener}").json()["seq"] == len(reports)
    assert load.told.wrong == []


def test_workers_go_with_the_fork_server(models: CheckpointStore, server: Server, tmp_path: Path) -> None:
    """Their parent cannot watch over them any longer: they answer what they have, and others take their place."""
    with Service(models.root, tmp_path / "data", workers=2, redis_url=server.url) as service:
        with Load(str(service.http.base_url), callers=4, name="orphaned") as load:
            until(lambda: len(load.told.acknowledged) > 20, 30)
            before, [fork_server] = processes.workers(service.pid), processes.fork_server(service.pid)
            assert len(before) == 2
            processes.kill(fork_server)
            until(lambda: len(processes.workers(service.pid)) == 2, 60)
            assert not {*before} & {*processes.workers(service.pid)}
            until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before), 60)
            acknowledged = len(load.told.acknowledged)
            until(lambda: len(load.told.acknowledged) > acknowledged + 20, 60)
        for listener, reports in load.told.by_listener.items():
            assert service.http.get(f"/v1/listeners/{listener}").json()["seq"] == len(reports)
    assert load.told.wrong == []
