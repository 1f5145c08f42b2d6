"""`consent: false` against the real service, with the session store's own record of every command it is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
from redis import Redis

QUEEN = "queen-bohemian-rhapsody"
ZEPPELIN = "led-zeppelin-stairway-to-heaven"


@contextmanager
def watched(store_url: str) -> Iterator[list[str]]:
    """Watch the session store with MONITOR; the list is filled at the end with all that it was asked meanwhile."""
    commands: list[str] = []
    with Redis.from_url(store_url) as other:
        other.ping()  # so that its greetings are not seen
        with Redis.from_url(store_url) as redis, redis.monitor() as monitor:
            yield commands
            end = f"end-{uuid4().hex}"
            other.echo(end)
            for command in monitor.listen():
                if end in command["command"]:
                    return
                commands.append(command["command"])


def test_the_next_tracks_leave_no_trace(service: httpx.Client, store_url: str, listener_id: str) -> None:
    """Nothing is read and nothing written, for a listener who is known as well; the answer is that of the request."""
    body = {"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN, "event_id": "e1"}, "n": 9}
    known = service.post("/v1/next", json={**body, "event": {"type": "played", "track_id": ZEPPELIN}}).json()
    with watched(store_url) as commands:
        answer = service.post("/v1/next", json={**body, "consent": False}).json()
    assert commands == []
    stateless = service.post("/v1/next", json={"recent": [QUEEN], "n": 9}).json()
    assert answer["tracks"] == stateless["tracks"] != known["tracks"]
    assert (answer["listener_id"], answer["seq"], answer["degraded"]) == (None, 0, [])
    assert answer["events"] == [
        {
            "event_id": "e1",
            "listener_id": listener_id,
            "outcome": "applied",
            "seq": 0,
            "detail": "Used for this answer only and not stored: consent is false.",
        }
    ]
    with watched(store_url) as commands:
        service.post("/v1/next", json=body)
    assert any(listener_id in command for command in commands)


def test_without_consent_recent_and_events_make_the_answer(service: httpx.Client, listener_id: str) -> None:
    """In their order, and nobody has to be named."""
    events = [{"type": "played", "track_id": ZEPPELIN}, {"type": "disliked", "track_id": "queen-we-will-rock-you"}]
    answer = service.post("/v1/next", json={"consent": False, "recent": [QUEEN], "events": events, "n": 500}).json()
    tracks = {track["track_id"] for track in answer["tracks"]}
    assert not tracks & {QUEEN, ZEPPELIN, "queen-we-will-rock-you"}
    assert {event["listener_id"] for event in answer["events"]} == {None}
    assert service.get(f"/v1/listeners/{listener_id}").status_code == 404


def test_of_many_events_those_without_consent_are_not_stored(
    service: httpx.Client, store_url: str, listener_id: str
) -> None:
    """The others are, and each is told apart."""
    silent = f"silent {uuid4()}"
    events = [
        {"listener_id": listener_id, "type": "played", "track_id": QUEEN},
        {"listener_id": silent, "type": "played", "track_id": QUEEN, "event_id": "e1", "consent": False},
    ]
    with watched(store_url) as commands:
        answer = service.post("/v1/events", json={"events": events}).json()
    assert [event["outcome"] for event in answer["events"]] == ["applied", "rejected"]
    assert "consent is false" in answer["events"][1]["detail"]
    assert any(listener_id in command for command in commands)
    assert not any(silent in command for command in commands)
    with watched(store_url) as commands:
        service.post("/v1/events", json={"events": events[1:]})
    assert commands == []
