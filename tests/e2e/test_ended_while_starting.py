"""Who ends a service before it is ready, all of its group at once, as Ctrl-C does, is not shown a failure."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.stores.checkpoints import CheckpointStore
from tests.faults.processes import children, fork_server
from tests.ports import free_port
from tests.rnn.drafts import new_draft
from tests.stores.conftest import until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="workers are forked on Linux only, and /proc finds them"
)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_all_end_well_while_the_fork_server_imports(tmp_path: Path, told: signal.Signals) -> None:
    CheckpointStore(tmp_path / "models").publish(new_draft())
    environment = {
        **os.environ,
        "SEGUE_MODEL_STORE": str(tmp_path / "models"),
        "SEGUE_DATA_DIR": str(tmp_path / "data"),
        "SEGUE_PORT": str(free_port()),
        "SEGUE_WORKERS": "2",
        "SEGUE_RUN_WORKER": "false",
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "app.cli", "serve"]
        service = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        until(lambda: bool(fork_server(service.pid)), 60)
        started = [service.pid, *children(service.pid)]
        os.killpg(service.pid, told)
        assert service.wait(60) == 0
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), 60)
    finally:
        service.kill()
        service.wait()
    written = log.read_text("utf-8")
    assert "Traceback" not in written
    assert "Aborted" not in written
