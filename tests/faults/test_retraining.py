"""Training runs whose processes are killed: the run goes on, ends, or is shown as failed, and the next one begins."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.retraining import QUICKLY, RUNS, begin, carrier_of, heard, recipes, show, until
from tests.e2e.service import Service
from tests.faults.processes import children
from tests.serving.conftest import promoted
from tests.stores.conftest import lives
from tests.stores.conftest import until as happens

pytestmark = [
    pytest.mark.faults,
    pytest.mark.long,
    # Only Linux lists a process's children in files; macOS, where Segue runs too, has no /proc.
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc"),
]


def worker_of(service: Service) -> int | None:
    """Return the process id of a service's worker for training runs, None while none runs."""
    return next((pid for pid, command in children(service.pid).items() if "app.cli worker" in command), None)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("retraining")
    store = promoted(home / "model_store")
    recipes(home / "data")
    with Service(store.root, home / "data", **QUICKLY) as running:
        heard(running, 60)
        yield running


@pytest.fixture
def learning(service: Service) -> Iterator[str]:
    """A run that has come to its third epoch, called off afterwards: then the next one begins."""
    run_id = begin(service, recipe="endless")
    until(service, run_id, epoch=3)
    yield run_id
    assert service.http.delete(f"{RUNS}/{run_id}").json()["state"] == "cancelled"
    assert until(service, begin(service, recipe="tiny", dry_run=True), state="finished")["attempts"] == 1


def goes_on(service: Service, run_id: str, before: dict[str, Any]) -> None:
    """It is another attempt at the same, from where the one before had come to, and that one is gone."""
    after = until(service, run_id, attempts=before["attempts"] + 1, epoch=before["progress"]["epoch"])
    assert after["learns"] == before["learns"]


def test_a_run_goes_on_when_its_process_is_killed(service: Service, learning: str) -> None:
    before = show(service, learning)
    os.kill(carrier_of(service, learning), signal.SIGKILL)
    goes_on(service, learning, before)


def test_a_run_goes_on_when_its_worker_is_killed(service: Service, learning: str) -> None:
    """The process that learns does not outlive the worker; the service starts another."""
    before, carrier, worker = show(service, learning), carrier_of(service, learning), worker_of(service)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    happens(lambda: not lives(carrier), 30.0)
    goes_on(service, learning, before)


def test_a_run_goes_on_when_the_service_is_killed(service: Service, learning: str) -> None:
    """With all its processes, the session store among them."""
    before, carrier = show(service, learning), carrier_of(service, learning)
    service.kill()
    happens(lambda: not lives(carrier), 30.0)
    service.start()
    goes_on(service, learning, before)


def test_a_run_goes_on_when_the_service_is_stopped_and_started(service: Service, learning: str) -> None:
    """As for an upgrade: the service does not wait for the run's end."""
    before, carrier = show(service, learning), carrier_of(service, learning)
    assert service.stop() == 0
    assert not lives(carrier)
    service.start()
    goes_on(service, learning, before)
