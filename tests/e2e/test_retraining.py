"""Training runs of a real service: what was heard over HTTP becomes a checkpoint, carried out by its own worker."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.stores.checkpoints import CheckpointStore
from tests.e2e.retraining import QUICKLY, RUNS, SESSION, begin, carrier_of, events_of, heard, recipes, show, until
from tests.e2e.service import Service
from tests.serving.conftest import promoted
from tests.stores import conftest as stores


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("retraining")


@pytest.fixture(scope="module")
def store(home: Path) -> CheckpointStore:
    """A model store with one promoted checkpoint."""
    return promoted(home / "model_store")


@pytest.fixture(scope="module")
def service(store: CheckpointStore, home: Path) -> Iterator[Service]:
    """One that collects what is heard at once, with two recipes of its own."""
    recipes(home / "data")
    with Service(store.root, home / "data", **QUICKLY) as running:
        yield running


def test_what_was_heard_becomes_a_checkpoint(service: Service, store: CheckpointStore) -> None:
    """Less what was skipped, who was deleted, and who gave no consent; the catalogue stays whole."""
    heard(service, 40)
    heard(service, 1, name="deleted")
    service.http.delete("/v1/listeners/deleted 0")
    service.next("no consent", event={"type": "played", "track_id": "t1"}, consent=False)
    at = datetime.now(UTC) - timedelta(seconds=20)
    for number, (kind, track) in enumerate((("played", "t7"), ("played", "t8"), ("skipped", "t8"), ("played", "t9"))):
        when = (at + timedelta(seconds=number)).isoformat()
        service.next("picky", event={"type": kind, "track_id": track, "at": when})
    service.played("picky", "nobody-knows-it")
    before = store.ids()

    run_id = begin(service, recipe="tiny")
    refused = service.http.post(RUNS, json={"recipe": "tiny"})
    assert (refused.status_code, refused.json()["code"]) == (409, "training_run_under_way")
    assert run_id in refused.json()["detail"]

    told = list(events_of(service, run_id))
    names, ids, runs = zip(*told, strict=True)
    assert names == ("progress",) * (len(told) - 1) + ("end",)
    assert list(ids) == sorted(set(ids))
    assert "training" in {run["progress"]["stage"] for run in runs if run["progress"]}
    last = runs[-1]
    assert last == show(service, run_id)
    assert last["state"] in ("published", "refused")
    assert last["verdict"]["accepted"] == (last["state"] == "published")
    assert last["verdict"]["reasons"]
    assert {"tiny", "popularity", "markov"} <= last["verdict"]["metrics"].keys()
    assert last["learns"] == {
        "sessions": 41,
        "events": 40 * len(SESSION) + 2,
        "tracks": 60,
        "logged_sessions": 41,
        "logged_events": 40 * len(SESSION) + 2,
        "unknown_tracks": 1,
    }
    assert set(store.ids()) - set(before) == {last["checkpoint_id"]}
    assert service.http.get("/v1/models").json()["serving"] in before, "labels are moved by others"
    assert any("epoch 1: Recall@20" in line for line in service.http.get(f"{RUNS}/{run_id}/log").text.splitlines())

    # Whoever comes back with the newest event is told nothing but that.
    assert [name for name, _, _ in events_of(service, run_id, str(ids[-2]))] == ["end"]

    # Another begins once this one is over; warm, and only told.
    dry = begin(service, recipe="tiny", base="stable", dry_run=True)
    assert until(service, dry, state="finished")["learns"] == last["learns"]
    assert len(store.ids()) == len(before) + 1
    assert [run["id"] for run in service.http.get(RUNS).json()["runs"]][:2] == [dry, run_id]


def test_a_run_is_called_off(service: Service) -> None:
    """Its process ends, nothing is published, and the next run begins."""
    published = len(service.http.get("/v1/models").json()["models"])
    run_id = begin(service, recipe="endless")
    until(service, run_id, epoch=2)
    carrier = carrier_of(service, run_id)
    stream = events_of(service, run_id)
    assert next(stream)[0] == "progress"
    cancelled = service.http.delete(f"{RUNS}/{run_id}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert [name for name, _, _ in stream][-1] == "end"
    stores.until(lambda: not stores.lives(carrier), 20.0)
    again = service.http.delete(f"{RUNS}/{run_id}")
    assert (again.status_code, again.json()["code"]) == (409, "training_run_over")

    failed = until(service, begin(service, recipe="no-such-recipe"), state="failed")
    assert "tiny.toml" in failed["error"] or "no-such-recipe" in failed["error"]
    failed = until(service, begin(service, recipe="tiny", data="no-such-data"), state="failed")
    assert "no-such-data" in failed["error"]
    assert len(service.http.get("/v1/models").json()["models"]) == published


def test_what_cannot_be_asked_for_is_refused_at_once(service: Service) -> None:
    for body, code in (
        ({"base": "nothing-like-it"}, "unknown_checkpoint"),
        ({"recipe": "../../etc/passwd"}, "invalid_request"),
        ({"data": "/etc"}, "invalid_request"),
        ({"window_days": 0}, "invalid_request"),
        ({"learning_rate": 1}, "invalid_request"),
    ):
        assert service.http.post(RUNS, json=body).json()["code"] == code, body
    for call in (service.http.get, service.http.delete):
        assert call(f"{RUNS}/run-none").json()["code"] == "unknown_training_run"
    assert service.http.get(f"{RUNS}/run-none/events").json()["code"] == "unknown_training_run"
    assert service.http.get(f"{RUNS}/run-none/log").json()["code"] == "unknown_training_run"
