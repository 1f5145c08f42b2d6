"""Training runs whose processes are killed: the run goes on, ends, or is shown as failed, and the next one begins."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.stores.checkpoints import CheckpointStore
from app.stores.labels import promote
from tests.e2e.retraining import RUNS, begin, carrier_of, heard, recipes, show, until
from tests.e2e.service import Service
from tests.faults.processes import children
from tests.serving.conftest import draft
from tests.stores.conftest import lives
from tests.stores.conftest import until as happens

pytestmark = [
    pytest.mark.faults,
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc"),
]


def worker_of(service: Service) -> int | None:
    """Return the process id of a service's worker for training runs, None while none runs."""
    return next((pid for pid, command in children(service.pid).items() if "app.cli worker" in command), None)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    store = CheckpointStore(tmp_path / "model_store")
    promote(store.root, "stable", store.publish(draft(1)).checkpoint_id)
    recipes(tmp_path / "data")
    with Service(store.root, tmp_path / "data", collect_interval_s="0.2") as running:
        heard(running, 60)
        yield running


def test_a_run_goes_on_whoever_is_killed(service: Service) -> None:
    """Its process, its worker, then the whole service; each time from what it had kept, and no process stays behind."""
    run_id = begin(service, recipe="endless")
    epoch = until(service, run_id, epoch=2)["progress"]["epoch"]
    learns = show(service, run_id)["learns"]

    os.kill(carrier_of(service, run_id), signal.SIGKILL)
    run = until(service, run_id, attempts=2, epoch=epoch)
    assert run["learns"] == learns

    carrier = carrier_of(service, run_id)
    worker = worker_of(service)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    happens(lambda: not lives(carrier), 30.0)
    run = until(service, run_id, attempts=3, epoch=run["progress"]["epoch"])

    carrier = carrier_of(service, run_id)
    service.kill()
    happens(lambda: not lives(carrier), 30.0)
    service.start()
    run = until(service, run_id, attempts=4, epoch=run["progress"]["epoch"])
    assert run["learns"] == learns

    # Stopped and started, as for an upgrade; what it learns with is still what it read at first.
    carrier = carrier_of(service, run_id)
    assert service.stop() == 0
    assert not lives(carrier)
    service.start()
    until(service, run_id, attempts=5, epoch=run["progress"]["epoch"])

    assert service.http.delete(f"{RUNS}/{run_id}").json()["state"] == "cancelled"
    assert until(service, begin(service, recipe="tiny", dry_run=True), state="finished")["attempts"] == 1


def test_a_run_that_kills_every_process_fails_and_the_next_one_begins(service: Service) -> None:
    """As one does that needs more memory than there is."""
    run_id = begin(service, recipe="endless")
    for attempt in range(1, 6):
        until(service, run_id, epoch=1, attempts=attempt)
        os.kill(carrier_of(service, run_id), signal.SIGKILL)
    assert "died 5 times" in until(service, run_id, attempts=5, state="failed")["error"]
    assert until(service, begin(service, recipe="tiny", dry_run=True), state="finished")["attempts"] == 1
