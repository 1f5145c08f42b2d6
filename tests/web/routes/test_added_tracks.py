"""POST /v1/admin/tracks against the real service: from a track nobody knows to one that is suggested."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.web.examples import models
from tests.web.conftest import served

NEW = {"track_id": "queen-face-it-alone", "title": "Face It Alone", "artist": "Queen", "tags": ["piano"], "year": 2022}


@pytest.fixture(scope="module")
def store(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    """A store of our own: these tests change what is promoted."""
    return CheckpointStore(Path(shutil.copytree(model_store, tmp_path_factory.mktemp("adding") / "model_store")))


@pytest.fixture(scope="module")
def adding(store: CheckpointStore, store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that looks for promotions often."""
    data_dir = tmp_path_factory.mktemp("data")
    settings = Settings(model_store=store.root, data_dir=data_dir, redis_url=store_url, reload_interval_s=0.05)
    with served(create_app(settings)) as client:
        yield client


def add(client: httpx.Client, *tracks: dict[str, Any], **body: Any) -> httpx.Response:
    return client.post("/v1/admin/tracks", json={"tracks": tracks, **body})


def wait_until_serving(client: httpx.Client, checkpoint_id: str) -> None:
    deadline = monotonic() + 30
    while client.get("/readyz").json()["checkpoint_id"] != checkpoint_id:
        assert monotonic() < deadline, "the promoted checkpoint is not served"
        sleep(0.02)


def test_a_new_track_is_published_and_nothing_else_changes(adding: httpx.Client, store: CheckpointStore) -> None:
    """The labels stay; an id is made where none is given, the same as an import makes."""
    before = store.labels()
    response = add(adding, NEW, {"title": "Demo Tape", "artist": "Nobody Yet"})
    assert response.status_code == 201
    answer = response.json()
    assert answer["added_to"] == before.stable == answer["labels"]["stable"]
    assert answer["track_ids"] == ["queen-face-it-alone", "e4rsl5kgurihw7qz"]
    assert store.labels() == before
    manifest = store.manifest(answer["checkpoint_id"])
    assert manifest.data["added_tracks"] == {"tracks": 2, "judged": before.stable}
    assert manifest.network_fields["catalogue_size"] == answer["catalogue_size"]
    assert adding.get(f"/v1/tracks/{NEW['track_id']}").status_code == 404


@pytest.mark.parametrize("name", models.ADD_TRACKS_REQUESTS)
def test_the_examples_work_as_they_stand(adding: httpx.Client, name: str) -> None:
    response = adding.post("/v1/admin/tracks", json=models.ADD_TRACKS_REQUESTS[name])
    assert response.status_code == 201, response.text


def test_a_promoted_track_is_found_suggested_and_read(adding: httpx.Client, listener_id: str) -> None:
    """Without a restart, and the listener who was there goes on with the new checkpoint."""
    track = {**NEW, "track_id": "promoted", "title": "Promoted Song"}
    body = {"listener_id": listener_id, "event": {"type": "played", "track_id": "queen-bohemian-rhapsody"}}
    before = adding.post("/v1/next", json=body).json()
    answer = add(adding, track, promote=True).json()
    assert answer["labels"]["stable"] == answer["checkpoint_id"] != before["checkpoint_id"]
    wait_until_serving(adding, answer["checkpoint_id"])
    found = adding.get("/v1/tracks", params={"q": "promotd song", "limit": 1}).json()["tracks"]
    assert [one["track_id"] for one in found] == ["promoted"]
    after = adding.post("/v1/next", json={"listener_id": listener_id, "n": 500}).json()
    assert after["checkpoint_id"] == answer["checkpoint_id"]
    assert "promoted" in [one["track_id"] for one in after["tracks"]]
    body["event"] = {"type": "played", "track_id": "promoted"}
    played = adding.post("/v1/next", json=body).json()
    assert played["events"][0]["outcome"] == "applied"
    assert "promoted" not in [one["track_id"] for one in played["tracks"]]


def test_a_known_track_is_a_conflict_and_adds_none_of_the_others(adding: httpx.Client, store: CheckpointStore) -> None:
    ids = store.ids()
    response = add(adding, {**NEW, "track_id": "yet another"}, {**NEW, "track_id": "queen-bohemian-rhapsody"})
    assert (response.status_code, response.json()["code"]) == (409, "track_exists")
    assert "queen-bohemian-rhapsody" in response.json()["detail"]
    assert store.ids() == ids


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"tracks": []}, 422, "invalid_request"),
        ({"tracks": [NEW] * 1001}, 422, "invalid_request"),
        ({"tracks": [NEW, NEW]}, 422, "invalid_request"),
        ({"tracks": [{"title": "No artist"}]}, 422, "invalid_request"),
        ({"tracks": [{**NEW, "year": "1975"}]}, 422, "invalid_request"),
        ({"tracks": [NEW], "path": "/etc"}, 422, "invalid_request"),
        ({"tracks": [NEW], "checkpoint": "../model_store"}, 404, "unknown_checkpoint"),
        ({"tracks": [NEW], "checkpoint": "canary"}, 404, "unknown_checkpoint"),
    ],
)
def test_what_cannot_be_added_is_refused(adding: httpx.Client, body: dict[str, Any], status: int, code: str) -> None:
    response = adding.post("/v1/admin/tracks", json=body)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_proxy_on_this_machine_does_not_open_the_door(adding: httpx.Client) -> None:
    """It says for whom it asks."""
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    response = adding.post("/v1/admin/tracks", json={"tracks": [NEW]}, headers=forwarded)
    assert (response.status_code, response.json()["code"]) == (403, "not_admitted")
