"""What an operator changes is followed by every worker of a real service, and the door of one is shut from outside."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep, time

import httpx
import pytest

from app.domain.api_keys import Scope, new_key
from app.settings import Settings
from app.stores.api_keys import ApiKeyFile
from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.ports import free_port
from tests.serving.conftest import draft, promoted

# The promise is two seconds on a machine that has time; the rest is for one that has not.
SOON_S = 15.0
INTERVAL_S = Settings.model_fields["reload_interval_s"].default
# A connection for each request: the kernel gives it to whichever worker is free.
FRESH = httpx.Limits(max_keepalive_connections=0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    """A model store with one promoted checkpoint."""
    return promoted(tmp_path_factory.mktemp("operator") / "model_store")


@pytest.fixture(scope="module")
def shipped(store: CheckpointStore) -> Iterator[Service]:
    """Three workers that look at the labels as often as they do where nobody chose."""
    with Service(store.root, store.root.parent / "data", workers=3, reload_interval_s=str(INTERVAL_S)) as service:
        yield service


def everywhere(holds: Callable[[], bool]) -> None:
    """Wait until something holds eight times in a row, on fresh connections, whichever workers take them."""
    deadline, row = monotonic() + SOON_S, 0
    while row < 8:
        row = row + 1 if holds() else 0
        assert monotonic() < deadline
        sleep(0.02)


def test_labels_are_followed_by_every_worker_and_fail_no_request(shipped: Service, store: CheckpointStore) -> None:
    """A canary, its victory and the way back, while callers keep asking."""
    stable = str(store.labels().stable)
    canary = store.publish(draft(2)).checkpoint_id
    listeners, going = [f"listener {number}" for number in range(8)], [True]
    fresh = httpx.Client(base_url=shipped.http.base_url, timeout=20, limits=FRESH)

    def answered_by(listener_id: str) -> str:
        response = fresh.post("/v1/next", json={"listener_id": listener_id, "n": 1})
        assert response.status_code == 200, response.text
        return str(response.json()["checkpoint_id"])

    def sides() -> list[str]:
        return [answered_by(listener) for listener in listeners]

    def keep_asking(listener_id: str) -> set[str]:
        seen = set()
        while going[0]:
            seen.add(answered_by(listener_id))
            sleep(0.02)
        return seen

    def point(label: str, **body: object) -> None:
        response = shipped.http.put(f"/v1/models/labels/{label}", json=body, headers={"If-Match": "*"})
        assert response.status_code == 200, response.text

    with fresh, ThreadPoolExecutor(2) as threads:
        asking = [threads.submit(keep_asking, listener) for listener in ("caller 1", "caller 2")]
        try:
            point("canary", checkpoint_id=canary, traffic_percent=100)
            everywhere(lambda: answered_by("ann") == canary)
            point("canary", checkpoint_id=canary, traffic_percent=50)
            # A worker that has not followed yet still has everybody on one side.
            everywhere(lambda: {*(found := sides())} == {stable, canary} and sides() == found)
            assert sides() == sides()
            point("stable", checkpoint_id="canary")
            everywhere(lambda: answered_by("bob") == canary)
            assert shipped.http.post("/v1/models/labels/canary/rollback").status_code == 200
            assert shipped.http.post("/v1/models/labels/stable/rollback").status_code == 200
            everywhere(lambda: answered_by("bob") == stable)
        finally:
            going[0] = False
        assert all(caller.result(30) <= {stable, canary} for caller in asking)


def test_a_key_locks_every_worker_and_is_revoked_on_every_worker(service: Service, tmp_path: Path) -> None:
    """Without a restart."""
    file, (key, secret) = ApiKeyFile(tmp_path / "data" / "api_keys.json"), new_key("app", [Scope.ADMIN], now=time())
    url, shown = f"{service.http.base_url}/v1/models", {"Authorization": f"Bearer {secret}"}
    with httpx.Client(limits=FRESH, timeout=20) as fresh:
        assert fresh.get(url).status_code == 200
        file.change(lambda ring: ring.adding(key, time()))
        everywhere(lambda: fresh.get(url).status_code == 401 and fresh.get(url, headers=shown).status_code == 200)
        file.change(lambda ring: ring.revoking(key.key_id, time()))
        everywhere(lambda: fresh.get(url, headers=shown).status_code == 401)
    assert secret[15:] not in service.log


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_service_on_the_network_without_keys_does_not_start(tmp_path: Path, host: str) -> None:
    """It says in one sentence what to do."""
    ran = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", "--host", host, "--port", str(free_port())],
        env={**os.environ, "SEGUE_DATA_DIR": str(tmp_path), "SEGUE_MODEL_STORE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("segue: Expected an API key before listening on")
    assert "segue keys create" in ran.stderr
    assert "SEGUE_OPEN_WITHOUT_KEYS" in ran.stderr


def test_every_worker_follows_within_two_seconds_as_it_ships(shipped: Service, store: CheckpointStore) -> None:
    """A worker looks an interval after the change at the latest; the rest of the two seconds is for loading.

    A clock would tell more of the machine than of the promise. So the interval that ships is held against it, and with
    that very interval all of three workers follow, whichever of them was told.
    """
    assert INTERVAL_S <= 2.0 / 2
    later = store.publish(draft(3)).checkpoint_id
    told = shipped.http.put("/v1/models/labels/stable", json={"checkpoint_id": later}, headers={"If-Match": "*"})
    assert told.status_code == 200, told.text
    deadline = monotonic() + SOON_S
    while swaps(shipped.log, later) < 3:
        assert monotonic() < deadline, shipped.log
        sleep(0.05)
    assert shipped.next("ann", n=1)["checkpoint_id"] == later


def swaps(log: str, checkpoint_id: str) -> int:
    """Count the workers that say they have swapped a checkpoint in."""
    return sum("checkpoint_swapped_in" in line and checkpoint_id in line for line in log.splitlines())
