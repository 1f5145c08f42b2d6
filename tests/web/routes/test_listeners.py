"""GET and DELETE /v1/listeners/{listener_id} against the real service."""

import httpx
import pytest

QUEEN = "queen-bohemian-rhapsody"


def test_a_listener_sees_what_is_remembered(service: httpx.Client, listener_id: str) -> None:
    """Every event, with its time and whether the network has read it."""
    events = [
        {"type": "played", "track_id": QUEEN, "at": "2026-01-01T12:00:00+01:00"},
        {"type": "disliked", "track_id": "led-zeppelin-black-dog", "at": "2026-01-01T12:03:00+01:00"},
    ]
    answer = service.post("/v1/next", json={"listener_id": listener_id, "events": events}).json()
    listener = service.get(f"/v1/listeners/{listener_id}").json()
    assert (listener["listener_id"], listener["seq"]) == (listener_id, 2)
    assert listener["checkpoint_id"] == answer["checkpoint_id"]
    assert [(heard["track_id"], heard["type"], heard["at"], heard["read"]) for heard in listener["recent"]] == [
        (QUEEN, "played", "2026-01-01T11:00:00.000+00:00", True),
        ("led-zeppelin-black-dog", "disliked", "2026-01-01T11:03:00.000+00:00", False),
    ]
    assert listener["blocked_tracks"] == [{"track_id": "led-zeppelin-black-dog", "until": None}]


def test_a_forgotten_listener_is_unknown(service: httpx.Client, listener_id: str) -> None:
    """To see, to forget again, and to recommend for."""
    service.post("/v1/next", json={"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN}})
    deleted = service.delete(f"/v1/listeners/{listener_id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    for response in (service.get(f"/v1/listeners/{listener_id}"), service.delete(f"/v1/listeners/{listener_id}")):
        assert (response.status_code, response.json()["code"]) == (404, "unknown_listener")
    assert service.post("/v1/next", json={"listener_id": listener_id}).json()["seq"] == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_without_a_session_store_it_says_so(service_without_store: httpx.Client, method: str) -> None:
    """Rather than that the listener is unknown."""
    response = service_without_store.request(method, "/v1/listeners/ann")
    assert (response.status_code, response.json()["code"]) == (503, "session_store_unavailable")
