"""The service as an operator runs it: real processes, really killed; one for all tests."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.serving.conftest import draft, promoted
from tests.stores.conftest import until

TWENTY = [f"t{row}" for row in range(1, 21)]
ANSWERED = re.compile(r'segue_http_requests_total\{method="POST",route="/v1/next",status="200"\} (\S+)')


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def checkpoints(home: Path) -> CheckpointStore:
    """A model store with one promoted checkpoint."""
    return promoted(home / "model_store")


@pytest.fixture(scope="module")
def service(checkpoints: CheckpointStore, home: Path) -> Iterator[Service]:
    """Two workers and a session store of their own; every test leaves them well."""
    with Service(checkpoints.root, home / "data", workers=2) as running:
        yield running


def answered(service: Service) -> float:
    """Return how many calls for next tracks the workers have answered together."""
    return sum(map(float, ANSWERED.findall(service.http.get("/metrics").text)))


def everybody_serves(service: Service, checkpoint_id: str) -> bool:
    """Tell whether thirty-two new connections at once, which no worker takes alone, find only this checkpoint."""

    def ready(_: int) -> object:
        return httpx.get(f"{service.http.base_url}/readyz", timeout=20).json().get("checkpoint_id")

    with ThreadPoolExecutor(32) as threads:
        return set(threads.map(ready, range(32))) == {checkpoint_id}


def ranking(answer: dict[str, object]) -> list[tuple[str, float]]:
    tracks = answer["tracks"]
    assert isinstance(tracks, list)
    return [(track["track_id"], track["probability"]) for track in tracks]


def same_ranking(left: dict[str, object], right: dict[str, object]) -> bool:
    pairs = zip(ranking(left), ranking(right), strict=True)
    return all(a == b and p == pytest.approx(q, rel=1e-4) for (a, p), (b, q) in pairs)


def test_two_workers_serve_one_listener(service: Service) -> None:
    """Twenty events over fresh connections, whichever worker takes them, end where one pass over the tracks ends."""
    before = answered(service)
    for track_id in TWENTY:
        with httpx.Client(base_url=service.http.base_url) as connection:
            body = {"listener_id": "ann", "event": {"type": "played", "track_id": track_id}, "n": 1}
            assert connection.post("/v1/next", json=body).status_code == 200
    answer = service.next("ann", n=10)
    one_pass = service.next(recent=TWENTY, n=10)
    assert answer["seq"] == 20
    assert same_ranking(answer, one_pass)
    until(lambda: answered(service) - before == 22)


def test_concurrent_events_of_one_listener_are_all_kept(service: Service) -> None:
    """Sixty at once over both workers: every seq from 1 to 60 is given out once."""
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda row: service.played("bob", f"t{row % 50}", n=1), range(60)))
    assert sorted(answer["seq"] for answer in answers) == list(range(1, 61))
    assert service.http.get("/v1/listeners/bob").json()["seq"] == 60


def test_sessions_go_on_after_a_power_cut(service: Service) -> None:
    """The whole service is killed; started again, cat's next tracks are what they would have been."""
    for track_id in TWENTY[:5]:
        before = service.played("cat", track_id, n=10)
    # The append-only file is flushed every second.
    threading.Event().wait(1.2)
    service.kill()
    service.start()
    after = service.next("cat", n=10)
    assert after["seq"] == 5
    assert same_ranking(after, before)


def test_a_damaged_checkpoint_never_serves(service: Service, checkpoints: CheckpointStore) -> None:
    """It is refused by name and reason; the old one keeps serving."""
    old = checkpoints.labels().stable
    new = checkpoints.publish(draft(2)).checkpoint_id
    flip_a_byte(checkpoints.root / new / "weights.safetensors")
    _write_label(checkpoints.root, str(old), new)
    try:
        for _ in range(200):
            ready = service.http.get("/readyz").json()
            if ready["refused"] is not None:
                break
            threading.Event().wait(0.05)
        assert ready["refused"]["checkpoint_id"] == new
        assert "weights.safetensors" in ready["refused"]["reason"]
        assert service.played("dan", "t1", n=3)["checkpoint_id"] == old
    finally:
        _write_label(checkpoints.root, new, str(old))
        # A worker that was only starting meanwhile, after the test before, has had none to keep.
        until(lambda: everybody_serves(service, str(old)))


def test_a_promotion_under_load_fails_no_request(service: Service, checkpoints: CheckpointStore) -> None:
    """Eight callers keep asking while the model changes; each answer is of the one or the other."""
    old = checkpoints.labels().stable
    new = checkpoints.publish(draft(2, "lstm")).checkpoint_id
    stop = threading.Event()
    seen: list[str] = []

    def keep_asking(number: int) -> None:
        row = 0
        while not stop.is_set():
            row += 1
            seen.append(service.played(f"listener-{number}", f"t{row % 50}", n=3)["checkpoint_id"])

    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(keep_asking, number) for number in range(8)]
        checkpoints.promote("stable", new)
        for _ in range(300):
            if seen[-50:].count(new) == 50:
                break
            threading.Event().wait(0.05)
        stop.set()
        for one in asking:
            one.result()
    assert set(seen) == {old, new}
    assert seen[-1] == new


def test_being_told_to_end_loses_nothing_that_was_acknowledged(service: Service) -> None:
    """Eight callers keep playing until nobody answers; started again, the service knows every event it said yes to."""
    acknowledged = [0] * 8
    refused: list[int] = []

    def keep_playing(number: int) -> None:
        with httpx.Client(base_url=service.http.base_url, timeout=20) as connection:
            while True:
                body = {"listener_id": f"player-{number}", "event": {"type": "played", "track_id": "t1"}, "n": 3}
                try:
                    status = connection.post("/v1/next", json=body).status_code
                except httpx.TransportError:
                    return  # nobody listens any more
                if status != httpx.codes.OK:
                    refused.append(status)
                    return
                acknowledged[number] += 1

    with ThreadPoolExecutor(8) as threads:
        playing = [threads.submit(keep_playing, number) for number in range(8)]
        for _ in range(600):
            if all(acknowledged):
                break
            threading.Event().wait(0.05)
        exit_code = service.stop()
        for one in playing:
            one.result()
    assert refused == []
    assert exit_code == 0
    assert all(acknowledged)
    service.start()
    for number, count in enumerate(acknowledged):
        # One more may be stored: the answer to the last request was on its way when the connection closed.
        assert count <= service.next(f"player-{number}", n=1)["seq"] <= count + 1


def flip_a_byte(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(content)


def _write_label(root: Path, old: str, new: str) -> None:
    """Promote without the check that `promote` makes, as a hand on the wrong file would."""
    labels = root / "labels.json"
    labels.write_text(labels.read_text(encoding="utf-8").replace(f'"stable": "{old}"', f'"stable": "{new}"'), "utf-8")
