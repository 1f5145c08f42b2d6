"""GET /v1/models/{id}/online, and the counters, of a real service that listeners play on."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from tests.serving.conftest import draft
from tests.web.conftest import served


@pytest.fixture
def client(store_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """A service with a stable checkpoint, and one as canary for half of the listeners."""
    store = CheckpointStore(tmp_path / "model_store")
    store.promote("stable", store.publish(draft(31)).checkpoint_id)
    store.promote("canary", store.publish(draft(32)).checkpoint_id, traffic_percent=50)
    settings = Settings(model_store=store.root, data_dir=tmp_path, redis_url=store_url, reload_interval_s=60.0)
    with served(create_app(settings)) as opened:
        yield opened


def test_what_was_played_is_told_by_label(client: httpx.Client) -> None:
    """Everybody plays what was suggested first, on stable and on canary."""
    listeners, track = [f"online {number}" for number in range(12)], {"type": "played", "track_id": "t1"}
    for listener in listeners:
        first = client.post("/v1/next", json={"listener_id": listener, "event": track, "n": 1}).json()["tracks"][0]
        again = {"type": "played", "track_id": first["track_id"]}
        client.post("/v1/next", json={"listener_id": listener, "event": again, "n": 1})
    deadline = monotonic() + 20
    while True:
        told = [client.get(f"/v1/models/{label}/online").json() for label in ("stable", "canary")]
        if sum(tally["plays"] for answer in told for tally in answer["labels"]) == len(listeners):
            break
        assert monotonic() < deadline, told
        sleep(0.1)
    for answer, label, beside in ((told[0], "stable", told[1]), (told[1], "canary", told[0])):
        [tally] = answer["labels"]
        assert (tally["label"], tally["beside"]) == (label, beside["checkpoint_id"])
        assert (tally["hit_at_20"], tally["mrr_at_20"], tally["skip_rate"]) == (1.0, 1.0, 0.0)
        assert answer["comparison"] == {"difference": None, "low": None, "high": None, "verdict": "undecided"}
    assert 'segue_online_plays_total{label="canary"}' in client.get("/metrics").text


def test_of_an_unknown_checkpoint_nothing_is_told(client: httpx.Client) -> None:
    response = client.get("/v1/models/20200101T000000Z-000000/online")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_checkpoint")
    assert client.get("/v1/models/shadow/online").status_code == 404
