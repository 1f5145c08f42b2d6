"""A short run of `python -m tests.faults.kills`: workers and session server killed under load, nothing lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.stores.checkpoints import CheckpointStore
from tests.faults.kills import WORKERS, run

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(180)]


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
