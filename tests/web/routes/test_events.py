"""POST /v1/events against the real service."""

from typing import Any

import httpx

QUEEN = "queen-bohemian-rhapsody"


def event(listener_id: Any, event_id: str, **fields: Any) -> dict[str, Any]:
    return {"listener_id": listener_id, "type": "played", "track_id": QUEEN, "event_id": event_id, **fields}


def outcomes(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [answer["outcome"] for answer in response.json()["events"]]


def test_events_of_many_listeners_get_one_outcome_each_in_order(service: httpx.Client, listener_id: str) -> None:
    """Whosever they are."""
    other = f"{listener_id} too"
    events = [event(listener_id, "a"), event(other, "a"), event(listener_id, "b", track_id="x"), event(other, "a")]
    response = service.post("/v1/events", json={"events": events})
    assert outcomes(response) == ["applied", "applied", "unknown_track", "duplicate"]
    assert [answer["listener_id"] for answer in response.json()["events"]] == [listener_id, other, listener_id, other]


def test_a_malformed_event_is_rejected_and_the_others_apply(service: httpx.Client, listener_id: str) -> None:
    """With the reason, and its own id so that the caller finds it."""
    events: list[Any] = [
        event(listener_id, "good-1"),
        event(listener_id, "bad-1", type="heard"),
        event(listener_id, "bad-2", at="yesterday"),
        "no event at all",
        event(7, "bad-3"),
        event(listener_id, "good-2"),
    ]
    response = service.post("/v1/events", json={"events": events})
    assert outcomes(response) == ["applied", "rejected", "rejected", "rejected", "rejected", "applied"]
    answers = response.json()["events"]
    assert [answer["event_id"] for answer in answers] == ["good-1", "bad-1", "bad-2", None, "bad-3", "good-2"]
    assert [answer["seq"] for answer in answers] == [1, None, None, None, None, 2]
    assert "'played'" in answers[1]["detail"]
    assert "RFC 3339" in answers[2]["detail"]
    assert answers[4]["listener_id"] is None


def test_a_batch_of_nothing_but_malformed_events_is_answered(service: httpx.Client) -> None:
    """Nothing is applied, everything is told."""
    assert outcomes(service.post("/v1/events", json={"events": [1, None]})) == ["rejected", "rejected"]


def test_a_late_event_is_remembered_without_rewinding(service: httpx.Client, listener_id: str) -> None:
    """And says that it was late."""
    events = [event(listener_id, "a", at="2026-01-01T12:00:00Z"), event(listener_id, "b", at="2026-01-01T11:00:00Z")]
    assert outcomes(service.post("/v1/events", json={"events": events})) == ["applied", "late"]


def test_an_envelope_that_is_wrong_refuses_the_whole(service: httpx.Client) -> None:
    """No events, too many, or another field beside them."""
    bodies: list[Any] = [{"events": []}, {"events": [1] * 1001}, {"events": [1], "more": 1}, {}, []]
    for body in bodies:
        response = service.post("/v1/events", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_a_thousand_events_fit(service: httpx.Client, listener_id: str) -> None:
    """One request, one commit a listener."""
    events = [event(f"{listener_id} {number % 50}", str(number)) for number in range(1000)]
    assert set(outcomes(service.post("/v1/events", json={"events": events}))) == {"applied"}


def test_without_a_session_store_nothing_is_half_applied(service_without_store: httpx.Client, listener_id: str) -> None:
    """503, and when to come back."""
    response = service_without_store.post("/v1/events", json={"events": [event(listener_id, "a")]})
    assert (response.status_code, response.json()["code"]) == (503, "session_store_unavailable")
    assert int(response.headers["retry-after"]) > 0
