"""Labels over HTTP: who answers is changed by one call, undone by one call, and never by two at once."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.rnn.manifest import Verdict
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from tests.serving.conftest import draft, promoted
from tests.web.conftest import served


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """A stable checkpoint, and another."""
    checkpoints = promoted(tmp_path / "model_store")
    checkpoints.publish(draft(2))
    return checkpoints


@pytest.fixture
def ids(store: CheckpointStore) -> tuple[str, str]:
    """Their ids: the stable one, the other."""
    stable = str(store.labels().stable)
    return stable, next(one for one in store.ids() if one != stable)


@pytest.fixture
def client(store: CheckpointStore, store_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    settings = Settings(model_store=store.root, data_dir=tmp_path, redis_url=store_url, reload_interval_s=60.0)
    with served(create_app(settings)) as opened:
        yield opened


def point(client: httpx.Client, label: str, if_match: str | None = "*", **body: object) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return client.put(f"/v1/models/labels/{label}", json=body, headers=headers)


def answered_by(client: httpx.Client, listener_id: str = "label ann") -> str:
    return str(client.post("/v1/next", json={"listener_id": listener_id, "n": 1}).json()["checkpoint_id"])


def test_a_swap_and_the_way_back_take_one_call_each(client: httpx.Client, ids: tuple[str, str]) -> None:
    stable, other = ids
    shown = client.get("/v1/models/labels")
    assert shown.json() == {"version": 1, "stable": stable, "canary": None, "shadow": None}
    swapped = point(client, "stable", shown.headers["etag"], checkpoint_id=other)
    assert (swapped.status_code, swapped.json()["stable"], swapped.headers["etag"]) == (200, other, '"2"')
    assert answered_by(client) == other
    back = client.post("/v1/models/labels/stable/rollback")
    assert (back.status_code, back.json()["stable"]) == (200, stable)
    assert answered_by(client) == stable


def test_a_canary_answers_its_share_and_is_taken_away(client: httpx.Client, ids: tuple[str, str]) -> None:
    _, other = ids
    assert point(client, "canary", checkpoint_id=other, traffic_percent=40).json()["canary"] == {
        "checkpoint_id": other,
        "traffic_percent": 40,
    }
    answers = [answered_by(client, f"listener {number}") for number in range(40)]
    assert 5 < answers.count(other) < 28
    assert answers == [answered_by(client, f"listener {number}") for number in range(40)]
    assert point(client, "stable", checkpoint_id="canary").json()["stable"] == other
    assert client.post("/v1/models/labels/canary/rollback").json()["canary"] is None


def test_two_who_decide_at_once_do_not_undo_each_other(client: httpx.Client, ids: tuple[str, str]) -> None:
    """The second is told, and so is one who does not say what it is a change of."""
    _, other = ids
    seen = client.get("/v1/models/labels").headers["etag"]
    assert point(client, "shadow", seen, checkpoint_id=other).status_code == 200
    late = point(client, "canary", seen, checkpoint_id=other, traffic_percent=1)
    assert (late.status_code, late.json()["code"]) == (412, "labels_changed")
    blind = point(client, "canary", None, checkpoint_id=other, traffic_percent=1)
    assert (blind.status_code, blind.json()["code"]) == (428, "version_needed")
    back = client.post("/v1/models/labels/shadow/rollback", headers={"If-Match": seen})
    assert (back.status_code, back.json()["code"]) == (412, "labels_changed")


@pytest.mark.parametrize(
    ("label", "if_match", "body", "status", "code"),
    [
        ("best", "*", {"checkpoint_id": "stable"}, 422, "invalid_request"),
        ("stable", "7", {"checkpoint_id": "stable"}, 422, "invalid_request"),
        ("stable", 'W/"1"', {"checkpoint_id": "stable"}, 422, "invalid_request"),
        ("stable", "*", {}, 422, "invalid_request"),
        ("stable", "*", {"checkpoint_id": "../.."}, 404, "unknown_checkpoint"),
        ("stable", "*", {"checkpoint_id": "shadow"}, 404, "unknown_checkpoint"),
        ("stable", "*", {"checkpoint_id": "stable", "traffic_percent": 5}, 422, "invalid_request"),
        ("canary", "*", {"checkpoint_id": "stable"}, 422, "invalid_request"),
        ("canary", "*", {"checkpoint_id": "stable", "traffic_percent": 101}, 422, "invalid_request"),
    ],
)
def test_what_makes_no_sense_is_refused(
    client: httpx.Client, label: str, if_match: str, body: dict[str, object], status: int, code: str
) -> None:
    response = client.put(f"/v1/models/labels/{label}", json=body, headers={"If-Match": if_match})
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_there_is_nothing_to_go_back_to_at_first(client: httpx.Client) -> None:
    response = client.post("/v1/models/labels/stable/rollback")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_checkpoint")


def test_what_the_gate_rejected_is_labelled_by_force_only(client: httpx.Client, store: CheckpointStore) -> None:
    from dataclasses import replace

    rejected = store.publish(replace(draft(3), verdict=Verdict(False, "ranks like dice"))).checkpoint_id
    response = point(client, "stable", checkpoint_id=rejected)
    assert (response.status_code, response.json()["code"]) == (422, "worse_than_baseline")
    assert "dice" in response.json()["detail"]
    assert point(client, "stable", checkpoint_id=rejected, force=True).status_code == 200


def test_a_checkpoint_that_cannot_be_loaded_is_not_labelled(
    client: httpx.Client, store: CheckpointStore, ids: tuple[str, str]
) -> None:
    (store.root / ids[1] / "weights.safetensors").unlink()
    response = point(client, "stable", checkpoint_id=ids[1])
    assert response.json()["code"] == "checkpoint_unusable"
    assert store.labels().stable == ids[0]
