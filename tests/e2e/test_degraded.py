"""The session store goes away and comes back: listeners are answered all the time, and nothing acknowledged is lost."""

import os
import signal
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import find_server
from tests.e2e.service import Service
from tests.ports import free_port
from tests.stores.conftest import Server, running, until

KEEPING = ("--appendonly", "yes", "--appendfsync", "always")
RECOVERY_S = 5.0
EVENT = {"listener_id": "ann", "type": "played", "track_id": "t2", "event_id": "two"}


def store_state(service: Service) -> str:
    """Return what /readyz says of the store; it never takes the service out."""
    ready = service.http.get("/readyz")
    assert ready.status_code == 200
    return str(ready.json()["session_store"])


def tracks(answer: dict[str, object]) -> list[str]:
    found = answer["tracks"]
    assert isinstance(found, list)
    return [track["track_id"] for track in found]


def test_store_that_is_killed_and_started_again(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    """Redis of the operator's: away and back, twice, under a service that is never restarted."""
    port = free_port()

    def redis() -> AbstractContextManager[Server]:
        return running(find_server(), tmp_path / "server", *KEEPING, port=port)

    with ExitStack() as opened:
        with redis() as server:
            settings = {"redis_url": server.url, "redis_timeout_s": "0.5"}
            service = opened.enter_context(Service(checkpoints.root, tmp_path / "data", workers=2, **settings))
            assert service.played("ann", "t1", n=3)["seq"] == 1
            assert store_state(service) == "up"
        for outcome in ("applied", "duplicate"):
            assert_answers_without_store(service)
            with redis():
                back = time.monotonic()
                while service.next("ann", n=5)["degraded"]:
                    assert time.monotonic() < back + RECOVERY_S, "the service did not recover"
                assert store_state(service) == "up"
                told = service.http.post("/v1/events", json={"events": [EVENT]})
                assert [receipt["outcome"] for receipt in told.json()["events"]] == [outcome]
                assert service.http.get("/v1/listeners/ann").json()["seq"] == 2


def assert_answers_without_store(service: Service) -> None:
    """From what the request carries, else from the start state; events are refused and can be sent again."""
    until(lambda: store_state(service) == "down")
    for body in ({"recent": ["t1", "t3"]}, {}):
        answer = service.next("ann", n=5, **body)
        assert answer["degraded"] == ["state_unavailable"]
        assert tracks(answer) == tracks(service.next(n=5, recent=body.get("recent", [])))
    refused = service.http.post("/v1/events", json={"events": [EVENT]})
    assert (refused.status_code, refused.json()["code"]) == (503, "session_store_unavailable")
    assert int(refused.headers["retry-after"]) >= 1


def test_store_of_its_own_that_is_killed_is_started_again(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    with Service(checkpoints.root, tmp_path / "data", workers=1, redis_timeout_s="0.5") as service:
        for number in range(1, 4):
            assert service.played("ann", "t1", n=1)["seq"] == number
            [valkey] = [pid for pid in service.descendants if is_server(pid)]
            os.kill(valkey, signal.SIGKILL)
            killed = time.monotonic()
            while service.next("ann", n=1)["degraded"]:
                assert time.monotonic() < killed + RECOVERY_S, "the service did not recover"
        assert service.next("ann", n=1)["seq"] == 3


def is_server(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].startswith(bytes(find_server()))
