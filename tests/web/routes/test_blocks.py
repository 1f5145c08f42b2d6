"""/v1/listeners/{listener_id}/blocks against the real service."""

from datetime import UTC, datetime
from time import sleep, time
from typing import Any

import httpx
import pytest

QUEEN = "queen-bohemian-rhapsody"
ZEPPELIN = "led-zeppelin-stairway-to-heaven"
FAR = "2999-01-01T00:00:00+01:00"


def suggested(service: httpx.Client, listener_id: str) -> tuple[set[str], set[str]]:
    """Return every track that may come next for a listener, and the artists."""
    answer = service.post("/v1/next", json={"listener_id": listener_id, "n": 500}).json()
    return {track["track_id"] for track in answer["tracks"]}, {track["artist"] for track in answer["tracks"]}


def test_what_is_blocked_does_not_come_until_it_is_lifted(service: httpx.Client, listener_id: str) -> None:
    """Tracks and artists, of a listener who may be new; each change counts in seq, the same again does not."""
    url = f"/v1/listeners/{listener_id}/blocks"
    body = {"tracks": [{"track_id": QUEEN, "until": FAR}], "artists": [{"artist": "PINK FLOYD"}]}
    blocks = service.put(url, json=body).json()
    assert blocks == {
        "listener_id": listener_id,
        "seq": 1,
        "tracks": [{"track_id": QUEEN, "until": "2998-12-31T23:00:00.000+00:00"}],
        "artists": [{"artist": "PINK FLOYD", "until": None}],
    }
    assert service.put(url, json=body).json() == blocks == service.get(url).json()
    tracks, artists = suggested(service, listener_id)
    assert QUEEN not in tracks
    assert artists == {"Queen", "Led Zeppelin", "Björk"}
    lifted = service.delete(url, params={"track_id": QUEEN, "artist": "pink floyd"}).json()
    assert (lifted["seq"], lifted["tracks"], lifted["artists"]) == (2, [], [])
    tracks, artists = suggested(service, listener_id)
    assert QUEEN in tracks
    assert "Pink Floyd" in artists


def test_a_block_ends_by_itself(service: httpx.Client, listener_id: str) -> None:
    """Without an event, and without a trace in what is told."""
    url = f"/v1/listeners/{listener_id}/blocks"
    ends = time() + 1.0
    until = datetime.fromtimestamp(ends, UTC).astimezone().isoformat()
    service.put(url, json={"tracks": [{"track_id": QUEEN, "until": until}]})
    assert QUEEN not in suggested(service, listener_id)[0]
    sleep(max(0.0, ends - time()) + 0.01)
    assert QUEEN in suggested(service, listener_id)[0]
    assert service.get(url).json()["tracks"] == []


def test_a_dislike_is_a_block_and_all_can_be_lifted_at_once(service: httpx.Client, listener_id: str) -> None:
    """Also those by ids with a slash."""
    events = [{"type": "disliked", "track_id": track_id} for track_id in (QUEEN, "a/b")]
    service.post("/v1/next", json={"listener_id": listener_id, "events": events})
    url = f"/v1/listeners/{listener_id}/blocks"
    service.put(url, json={"tracks": [{"track_id": ZEPPELIN}]})
    assert [block["track_id"] for block in service.get(url).json()["tracks"]] == [QUEEN, "a/b", ZEPPELIN]
    assert service.delete(url, params={"track_id": ["a/b", ZEPPELIN]}).json()["tracks"] == [
        {"track_id": QUEEN, "until": None}
    ]
    assert service.delete(url).json()["tracks"] == []


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ({"tracks": [{"track_id": "t", "until": "2020-01-01T00:00:00Z"}]}, "rejected", "that lies ahead"),
        ({"tracks": [{"track_id": "t", "until": "2999-01-01"}]}, "invalid_request", "RFC 3339 time with offset"),
        ({"artists": [{"artist": f"a{number}"} for number in range(201)]}, "rejected", "at most 200 blocked artists"),
        ({}, "invalid_request", "`tracks` or `artists`"),
    ],
)
def test_what_cannot_be_blocked_is_refused_whole(
    service: httpx.Client, listener_id: str, body: dict[str, Any], code: str, told: str
) -> None:
    """A date that has passed, one without offset, one too many, nothing at all."""
    url = f"/v1/listeners/{listener_id}/blocks"
    response = service.put(url, json={**body, **({"artists": [{"artist": "Moby"}]} if "tracks" in body else {})})
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert told in response.json()["detail"]
    assert service.get(url).status_code == 404


def test_lifting_blocks_of_an_unknown_listener_says_so(service: httpx.Client, listener_id: str) -> None:
    response = service.delete(f"/v1/listeners/{listener_id}/blocks")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_listener")
