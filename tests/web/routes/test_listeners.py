"""/v1/listeners/{listener_id}, /export, /reset and /merge against the real service."""

from base64 import b64decode
from typing import Any
from urllib.parse import quote

import httpx
import pytest

QUEEN = "queen-bohemian-rhapsody"
ZEPPELIN = "led-zeppelin-stairway-to-heaven"


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


def play(service: httpx.Client, listener_id: str, *tracks: str, **fields: Any) -> dict[str, Any]:
    events = [{"type": "played", "track_id": track_id, **fields} for track_id in tracks]
    response = service.post("/v1/next", json={"listener_id": listener_id, "events": events})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def path(listener_id: str, part: str = "") -> str:
    return f"/v1/listeners/{quote(listener_id, safe='')}{part}"


def test_everything_that_is_held_can_be_taken_along(service: httpx.Client, listener_id: str) -> None:
    """The session as it is shown, and the hidden state with it."""
    play(service, listener_id, QUEEN)
    exported = service.get(path(listener_id, "/export")).json()
    assert exported["session"] == service.get(path(listener_id)).json()
    assert len(b64decode(exported["hidden_state"]["data"])) > 16
    assert len(exported["event_digests"]) == 1
    assert [(event["track_id"], event["outcome"]) for event in exported["logged_events"]] == [(QUEEN, "applied")]


def test_a_reset_listener_begins_at_the_start_with_the_blocks(service: httpx.Client, listener_id: str) -> None:
    """The ranking is that of somebody new, less what is blocked; an event from before does not come back."""
    play(service, listener_id, QUEEN, event_id="once")
    service.put(path(listener_id, "/blocks"), json={"artists": [{"artist": "PINK FLOYD"}]})
    reset = service.post(path(listener_id, "/reset"), json={}).json()
    assert (reset["seq"], reset["session_id"], reset["recent"]) == (3, None, [])
    assert [block["artist"] for block in reset["blocked_artists"]] == ["PINK FLOYD"]
    anew = service.post("/v1/next", json={"listener_id": listener_id, "n": 9}).json()
    start = service.post("/v1/next", json={"n": 9, "exclude_artists": ["Pink Floyd"]}).json()
    assert anew["tracks"] == start["tracks"]
    assert play(service, listener_id, QUEEN, event_id="once")["events"][0]["outcome"] == "duplicate"


def test_a_reset_can_keep_what_was_heard_from_coming_again(service: httpx.Client, listener_id: str) -> None:
    """For no-repeat alone."""
    play(service, listener_id, QUEEN)
    reset = service.post(path(listener_id, "/reset"), json={"keep_recent": True}).json()
    assert [(heard["track_id"], heard["current"]) for heard in reset["recent"]] == [(QUEEN, False)]
    answer = service.post("/v1/next", json={"listener_id": listener_id, "n": 500}).json()
    assert QUEEN not in {track["track_id"] for track in answer["tracks"]}


def test_somebody_who_signs_in_takes_the_listening_along(service: httpx.Client, listener_id: str) -> None:
    """As if all had been heard under one id; sent again, the request changes nothing."""
    anonymous = f"{listener_id}/merge"
    play(service, listener_id, QUEEN, at="2026-01-01T12:00:00Z")
    play(service, anonymous, ZEPPELIN, at="2026-01-01T12:05:00Z")
    merged = service.post(path(listener_id, "/merge"), json={"from": anonymous})
    assert [heard["track_id"] for heard in merged.json()["recent"]] == [QUEEN, ZEPPELIN]
    assert service.get(path(anonymous)).status_code == 404
    again = service.post(path(listener_id, "/merge"), json={"from": anonymous})
    assert (again.status_code, again.json()) == (200, merged.json())
    whole = f"{listener_id} whole"
    play(service, whole, QUEEN, ZEPPELIN)
    both = [service.post("/v1/next", json={"listener_id": name}).json()["tracks"] for name in (listener_id, whole)]
    assert both[0] == both[1]


def test_a_listener_is_not_merged_with_itself_or_with_nobody(service: httpx.Client, listener_id: str) -> None:
    for other, status, code in ((listener_id, 422, "invalid_request"), ("nobody ever", 404, "unknown_listener")):
        response = service.post(path(listener_id, "/merge"), json={"from": other})
        assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("name", ["a/export", "a/b", "export", "blocks/blocks", "a%2Fexport", "ü/100%"])
def test_any_id_can_be_shown_exported_and_deleted(service: httpx.Client, listener_id: str, name: str) -> None:
    """A slash of the id is percent-encoded; a part after a plain one is ours."""
    name = f"{name} {listener_id}/export"
    play(service, name, QUEEN)
    assert service.get(path(name)).json()["listener_id"] == name
    assert service.get(path(name, "/export")).json()["listener_id"] == name
    assert service.delete(path(name)).status_code == 204
    assert service.get(path(name)).status_code == 404


@pytest.mark.parametrize(
    ("method", "part", "allowed"),
    [
        ("DELETE", "/export", "GET"),
        ("GET", "/reset", "POST"),
        ("DELETE", "/merge", "POST"),
        ("POST", "/blocks", "DELETE, GET, PUT"),
        ("POST", "", "DELETE, GET"),
    ],
)
def test_a_part_is_never_taken_for_a_listener(
    service: httpx.Client, listener_id: str, method: str, part: str, allowed: str
) -> None:
    """To delete an export deletes nobody."""
    play(service, f"{listener_id}{part}", QUEEN)
    response = service.request(method, path(listener_id, part))
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    assert service.get(path(f"{listener_id}{part}")).status_code == 200


@pytest.mark.parametrize("part", ["/export", "/reset", "/blocks"])
def test_of_an_unknown_listener_there_is_nothing(service: httpx.Client, listener_id: str, part: str) -> None:
    """To export, to reset, to show."""
    asked = {"/reset": "POST"}.get(part, "GET")
    response = service.request(asked, path(listener_id, part), json={})
    assert (response.status_code, response.json()["code"]) == (404, "unknown_listener")


@pytest.mark.parametrize(
    ("method", "part", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/export", None),
        ("GET", "/blocks", None),
        ("POST", "/reset", {}),
        ("POST", "/merge", {"from": "bob"}),
        ("PUT", "/blocks", {"tracks": [{"track_id": "t"}]}),
    ],
)
def test_without_a_session_store_it_says_so(
    service_without_store: httpx.Client, method: str, part: str, body: dict[str, Any] | None
) -> None:
    """Rather than that the listener is unknown."""
    response = service_without_store.request(method, path("ann", part), json=body)
    assert (response.status_code, response.json()["code"]) == (503, "session_store_unavailable")
