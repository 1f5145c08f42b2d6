"""The Idempotency-Key against the real service: asking again gets the same bytes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis import Redis

QUEEN = "queen-bohemian-rhapsody"


def ask(listener_id: str, event_id: str = "a", **fields: Any) -> dict[str, Any]:
    return {"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN, "event_id": event_id}, **fields}


def report(listener_id: str, *event_ids: str) -> dict[str, Any]:
    events = [
        {"listener_id": listener_id, "event_id": event_id, "type": "played", "track_id": QUEEN}
        for event_id in event_ids
    ]
    return {"events": events}


@pytest.fixture
def stored_keys(store_url: str) -> Iterator[Callable[[], int]]:
    """How many keys the session store holds."""
    with Redis(unix_socket_path=store_url.removeprefix("unix://")) as client:
        yield lambda: int(client.dbsize())


@pytest.mark.parametrize("path", ["/v1/next", "/v1/events"])
def test_a_repeated_request_gets_the_same_bytes(service: httpx.Client, listener_id: str, path: str) -> None:
    """`applied` again, where a repeat without the key is told `duplicate`; it says that it is a repeat."""
    body = ask(listener_id, n=5) if path == "/v1/next" else report(listener_id, "a", "b", "a")
    keyed = {"Idempotency-Key": str(uuid4())}
    first, again = (service.post(path, json=body, headers=keyed) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert "applied" in again.text
    for header in ("content-type", "x-model-version"):
        assert again.headers.get(header) == first.headers.get(header)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert '"duplicate"' in service.post(path, json=body).text


def test_what_happened_meanwhile_changes_nothing_of_the_answer(service: httpx.Client, listener_id: str) -> None:
    """And the answer nothing of what happened: the event was applied once."""
    keyed = {"Idempotency-Key": "first"}
    first = service.post("/v1/next", json=ask(listener_id, "a"), headers=keyed)
    service.post("/v1/events", json=report(listener_id, "b", "c"))
    assert service.post("/v1/next", json=ask(listener_id, "a"), headers=keyed).content == first.content
    assert service.get(f"/v1/listeners/{listener_id}").json()["seq"] == 3


def test_a_key_is_one_request_of_one_call(service: httpx.Client, listener_id: str) -> None:
    """Another body is refused; the same key at another path is another request."""
    keyed = {"Idempotency-Key": str(uuid4())}
    assert service.post("/v1/events", json=report(listener_id, "a"), headers=keyed).status_code == 200
    reused = service.post("/v1/events", json=report(listener_id, "b"), headers=keyed)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert service.post("/v1/next", json=ask(listener_id, "c"), headers=keyed).status_code == 200


def test_a_refusal_is_not_kept(service: httpx.Client, listener_id: str) -> None:
    """What was refused may be mended and sent under the same key."""
    keyed = {"Idempotency-Key": str(uuid4())}
    assert service.post("/v1/next", json={"listener_id": ""}, headers=keyed).status_code == 422
    assert service.post("/v1/next", json=ask(listener_id), headers=keyed).status_code == 200


@pytest.mark.parametrize("key", ["", "two words", "x" * 129, "tab\there"])
def test_a_key_that_is_none_is_refused(service: httpx.Client, listener_id: str, key: str) -> None:
    """With what was expected."""
    response = service.post("/v1/next", json=ask(listener_id), headers={"Idempotency-Key": key})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_idempotency_key")
    assert "1 to 128" in response.json()["detail"]


def test_music_plays_on_without_a_store(service_without_store: httpx.Client, listener_id: str) -> None:
    """The key then promises nothing, and the answer says that it is degraded."""
    response = service_without_store.post("/v1/next", json=ask(listener_id), headers={"Idempotency-Key": "away"})
    assert response.status_code == 200
    assert response.json()["degraded"] == ["state_unavailable"]


def test_nothing_is_kept_without_consent(
    service: httpx.Client, listener_id: str, stored_keys: Callable[[], int]
) -> None:
    """Neither of a ranking nor of events, sound or not."""
    keyed, before = {"Idempotency-Key": str(uuid4())}, stored_keys()
    asked = ask(listener_id, consent=False, n=3)
    unwilling = [{**event, "consent": False} for event in report(listener_id, "a")["events"]]
    for path, body in (
        ("/v1/next", asked),
        ("/v1/events", {"events": unwilling}),
        ("/v1/events", {"events": [*unwilling, "no event at all"]}),
    ):
        assert service.post(path, json=body, headers=keyed).status_code == 200
    assert stored_keys() == before


@pytest.mark.parametrize("goes", ["delete", "merge"])
def test_answers_go_with_the_listener_they_speak_of(
    service: httpx.Client, listener_id: str, stored_keys: Callable[[], int], goes: str
) -> None:
    """Of a ranking and of events, and who asks again under the key is answered anew."""
    other = f"{listener_id}-other"
    service.post("/v1/next", json=ask(other))
    before = stored_keys()
    bodies = (("/v1/next", ask(listener_id)), ("/v1/events", report(listener_id, "b")))
    keyed = {"Idempotency-Key": str(uuid4())}
    for path, body in bodies:
        assert service.post(path, json=body, headers=keyed).status_code == 200
    if goes == "delete":
        assert service.delete(f"/v1/listeners/{listener_id}").status_code == 204
    else:
        merged = service.post(f"/v1/listeners/{other}/merge", json={"from": listener_id})
        assert merged.status_code == 200, merged.text
    assert stored_keys() <= before + 1  # the event log of the lane
    for path, body in bodies:
        assert "idempotent-replayed" not in service.post(path, json=body, headers=keyed).headers


def test_of_many_at_once_one_is_answered_and_the_others_get_its_answer_or_are_told_to_wait(
    service: httpx.Client, listener_id: str
) -> None:
    """Whoever was told 409 gets the first answer a moment later; the event is applied once."""
    keyed = {"Idempotency-Key": str(uuid4())}
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: service.post("/v1/next", json=ask(listener_id, n=3), headers=keyed), range(8))
        )
    told = [answer for answer in answers if answer.status_code == 409]
    assert {answer.json()["code"] for answer in told} <= {"still_answering"}
    after = service.post("/v1/next", json=ask(listener_id, n=3), headers=keyed)
    assert {answer.content for answer in answers if answer not in told} == {after.content}
    assert service.get(f"/v1/listeners/{listener_id}").json()["seq"] == 1
