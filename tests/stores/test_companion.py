"""A process beside the service: there as long as the service is, and no longer."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.stores.companion import Companion
from tests.ports import free_port
from tests.stores.conftest import lives, until


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a collector needs to wait for a Redis that never comes."""
    return {**os.environ, "SEGUE_REDIS_URL": f"redis://127.0.0.1:{free_port()}", "SEGUE_DATA_DIR": str(tmp_path)}


def collecting(folder: Path) -> int:
    """Return the process that has the folder, 0 while none has."""
    lock = folder / "events" / ".lock"
    pid = int(lock.read_text() or 0) if lock.exists() else 0
    return pid if pid and lives(pid) else 0


def test_it_is_started_again_and_ended_with_the_block(environment: dict[str, str], tmp_path: Path) -> None:
    with Companion(["collect"], environment, patience_s=20.0):
        until(lambda: collecting(tmp_path), 30.0)
        first = collecting(tmp_path)
        os.kill(first, signal.SIGKILL)
        until(lambda: collecting(tmp_path) not in (0, first), 30.0)
        second = collecting(tmp_path)
    assert not lives(second)


def test_it_is_killed_when_it_does_not_end(environment: dict[str, str], tmp_path: Path) -> None:
    with Companion(["collect"], environment, patience_s=0.3):
        until(lambda: collecting(tmp_path), 30.0)
        hanging = collecting(tmp_path)
        os.kill(hanging, signal.SIGSTOP)
        began = time.monotonic()
    assert not lives(hanging)
    assert time.monotonic() - began >= 0.3


def test_it_ends_with_a_parent_that_is_killed(environment: dict[str, str], tmp_path: Path) -> None:
    program = (
        "import os, time\n"
        "from app.stores.companion import Companion\n"
        "with Companion(['collect'], dict(os.environ), patience_s=1.0):\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=Path(__file__).parents[2])
    until(lambda: collecting(tmp_path), 30.0)
    child = collecting(tmp_path)
    parent.kill()
    parent.wait()
    until(lambda: not lives(child))
