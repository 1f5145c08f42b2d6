"""POST /v1/playlists against the real service."""

import json
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from app.stores.checkpoints import CheckpointStore

QUEEN = "queen-bohemian-rhapsody"


def test_a_playlist_goes_ahead_without_repeats(service: httpx.Client) -> None:
    """Ranks count through, no song twice, not the seed."""
    response = service.post("/v1/playlists", json={"seeds": [QUEEN], "n": 20})
    assert response.status_code == 200
    playlist = response.json()
    ids = [track["track_id"] for track in playlist["tracks"]]
    assert [track["rank"] for track in playlist["tracks"]] == list(range(1, 21))
    assert len({*ids, QUEEN}) == 21
    assert (playlist["seeds"], playlist["shortfall"], playlist["seed"]) == ([QUEEN], None, None)
    assert response.headers["x-model-version"] == playlist["checkpoint_id"]


def test_the_same_seed_draws_the_same_playlist(service: httpx.Client) -> None:
    """And one that was drawn is told."""
    body = {"seeds": [QUEEN], "choosing": "sample", "temperature": 2.0, "n": 10}
    drawn = service.post("/v1/playlists", json=body).json()
    again = service.post("/v1/playlists", json={**body, "seed": drawn["seed"]}).json()
    assert again["tracks"] == drawn["tracks"]


def test_a_playlist_follows_a_listener_and_leaves_the_session_alone(service: httpx.Client, listener_id: str) -> None:
    """Looking ahead is not listening."""
    service.post("/v1/next", json={"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN}})
    before = service.get(f"/v1/listeners/{listener_id}").json()
    playlist = service.post("/v1/playlists", json={"listener_id": listener_id, "n": 5}).json()
    assert QUEEN not in {track["track_id"] for track in playlist["tracks"]}
    assert service.get(f"/v1/listeners/{listener_id}").json() == before


def test_rules_that_cannot_be_met_give_a_short_list_that_says_so(service: httpx.Client, model_store: Path) -> None:
    """Never a silent relaxation."""
    [catalogue_size] = {len(CheckpointStore(model_store).load("stable").catalogue)}
    playlist = service.post("/v1/playlists", json={"n": 500}).json()
    assert len(playlist["tracks"]) == catalogue_size
    assert f"{catalogue_size} of 500" in playlist["shortfall"]


def test_seeds_that_are_all_unknown_are_refused(service: httpx.Client) -> None:
    """There is nothing to start from."""
    response = service.post("/v1/playlists", json={"seeds": ["nobody-knows-it"]})
    assert (response.status_code, response.json()["code"]) == (422, "rejected")


@pytest.mark.parametrize(
    "media_type",
    ["application/jspf+json", "application/xspf+xml", "application/vnd.apple.mpegurl", "audio/x-mpegurl"],
)
def test_a_playlist_can_be_had_as_a_file(service: httpx.Client, media_type: str) -> None:
    """The same tracks, in the format the Accept header asks for."""
    body = {"seeds": [QUEEN], "n": 3}
    titles = [track["title"] for track in service.post("/v1/playlists", json=body).json()["tracks"]]
    response = service.post("/v1/playlists", json=body, headers={"accept": media_type})
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert response.headers["vary"] == "Accept"
    if media_type.endswith("xml"):
        found = [title.text for title in ElementTree.fromstring(response.text).iter("{http://xspf.org/ns/0/}title")]
        assert found[-3:] == titles
    elif media_type.endswith("json"):
        assert [track["title"] for track in json.loads(response.text)["playlist"]["track"]] == titles
    else:
        assert response.text.startswith("#EXTM3U")
        assert all(title in response.text for title in titles)


def test_a_format_nobody_writes_is_refused(service: httpx.Client) -> None:
    """With the list of those there are."""
    response = service.post("/v1/playlists", json={}, headers={"accept": "application/pdf"})
    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")
    assert "application/xspf+xml" in response.json()["detail"]
