"""One service whose road to its session store the tests may spoil, and a server of each test's own at its end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import find_server
from tests.e2e.service import Service
from tests.faults.drafts import one_hot_draft
from tests.faults.proxy import Proxy
from tests.stores.conftest import Server, new_listener, running, until

_FIGURES = pytest.StashKey[list[str]]()

# What is promised: so long after a fault ends the service goes on as if nothing had been.
RECOVERY_S = 5.0
# Redis's default, everysec, may lose what it acknowledged when it is killed.
KEEPING = ("--appendonly", "yes", "--appendfsync", "always")


@dataclass(frozen=True)
class Stage:
    """A service and the road to its session store."""

    service: Service
    proxy: Proxy

    def tell(self, listener_id: str, event_id: str, track_id: str = "t1") -> httpx.Response:
        """Report one played track with POST /v1/events."""
        event = {"listener_id": listener_id, "event_id": event_id, "type": "played", "track_id": track_id}
        return self.service.http.post("/v1/events", json={"events": [event]})

    def ask(self, listener_id: str, **body: Any) -> httpx.Response:
        """Ask for three next tracks with POST /v1/next."""
        return self.service.http.post("/v1/next", json={"listener_id": listener_id, "n": 3, **body})

    def told(self, listener_id: str, event_id: str, track_id: str = "t1") -> dict[str, Any]:
        """Report one played track that must be taken in; return what became of it."""
        response = self.tell(listener_id, event_id, track_id)
        assert response.status_code == httpx.codes.OK, response.text
        [receipt] = response.json()["events"]
        return dict(receipt)

    def store_state(self) -> str:
        """Return what /readyz says of the session store; the service must be ready whatever that is."""
        response = self.service.http.get("/readyz")
        assert response.status_code == httpx.codes.OK, response.text
        return str(response.json()["session_store"])


@pytest.fixture
def publish(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A place for figures that are told at the end of the run, whatever they are."""
    return request.config.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell the figures that were published."""
    for figures in config.stash.get(_FIGURES, []):
        terminalreporter.section("what the faults did")
        terminalreporter.write_line(figures)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    """A model store with one promoted checkpoint, for every service of these tests."""
    store = CheckpointStore(tmp_path_factory.mktemp("models") / "model_store")
    store.promote("stable", store.publish(one_hot_draft(1)).checkpoint_id)
    return store


@pytest.fixture(scope="session")
def predictor(models: CheckpointStore) -> Predictor:
    """The promoted checkpoint, to replay what listeners heard."""
    stable = models.labels().stable
    assert stable is not None
    return models.load(stable)


@pytest.fixture(scope="session")
def _service(models: CheckpointStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker is enough: what a fault does to it, it does to each."""
    data = tmp_path_factory.mktemp("service") / "data"
    with (
        Proxy() as proxy,
        Service(models.root, data, redis_url=f"redis://127.0.0.1:{proxy.port}") as service,
    ):
        yield Stage(service, proxy)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of one test's own, to be ill-treated."""
    with running(find_server(), tmp_path / "server", *KEEPING, "--enable-debug-command", "yes") as server:
        yield server


@pytest.fixture
def stage(_service: Stage, server: Server) -> Iterator[Stage]:
    """The service, on a sound road to this test's server."""
    lead(_service, server)
    yield _service
    _service.proxy.heal()


def lead(stage: Stage, server: Server) -> None:
    """Let the road end at a server, and wait until the service has noticed."""
    stage.proxy.heal()
    stage.proxy.target = int(server.url.rpartition(":")[2])
    stage.proxy.close_all()
    until(lambda: stage.store_state() == "up", RECOVERY_S)
    stage.told(new_listener(), "warm")
