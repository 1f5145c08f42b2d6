"""GET /v1/admin/state against the real service."""

import httpx


def test_operators_see_how_many_listeners_there_are_and_what_they_take(service: httpx.Client, listener_id: str) -> None:
    before = service.get("/v1/admin/state").json()["listeners"]
    service.post(
        "/v1/next",
        json={"listener_id": listener_id, "event": {"type": "played", "track_id": "queen-bohemian-rhapsody"}},
    )
    told = service.get("/v1/admin/state").json()
    assert (told["listeners"], told["listeners_are"]) == (before + 1, "counted")
    assert 100 < told["bytes_per_listener"]["p50"] <= told["bytes_per_listener"]["p99"] < 20_000
    [server] = told["servers"]
    assert server["used_memory"] > 500_000
    assert server["maxmemory"] is None
    assert told["event_log"]["entries"] >= 0
