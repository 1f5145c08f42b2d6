"""WS /v1/live against the real service, with a real WebSocket client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.domain.api_keys import Scope, new_key
from app.main import create_app
from app.settings import Settings
from app.stores.api_keys import ApiKeyFile
from tests.web.conftest import served

QUEEN = "queen-bohemian-rhapsody"
ZEPPELIN = "led-zeppelin-stairway-to-heaven"


@contextmanager
def talking(service: httpx.Client, **first: Any) -> Iterator[ClientConnection]:
    """Open a conversation and say the first message."""
    with connect(f"{str(service.base_url).replace('http', 'ws')}/v1/live", open_timeout=20) as talker:
        talker.send(json.dumps(first))
        yield talker


def told(talker: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(talker.recv(20))
    return message


def secret_of(file: ApiKeyFile, *scopes: Scope) -> str:
    """Make a key and return its secret."""
    key, secret = new_key(f"for {len(scopes)} scopes", scopes, now=time())
    file.change(lambda ring: ring.adding(key, time()))
    return secret


def until_closed(talker: ClientConnection) -> Iterator[str | bytes]:
    """Yield what comes until the other side closes, with whatever code."""
    with suppress(ConnectionClosed):
        while True:
            yield talker.recv(20)


def played(track_id: str, event_id: str) -> str:
    return json.dumps({"event": {"type": "played", "track_id": track_id, "event_id": event_id}})


def test_the_rules_of_the_first_message_hold_of_every_ranking(service: httpx.Client, listener_id: str) -> None:
    """The same words as in a request for the next tracks, and the same answer."""
    ruled: dict[str, Any] = {
        "n": 4,
        "exclude": [ZEPPELIN],
        "exclude_artists": ["eagles"],
        "artist_gap": 1,
        "rules": {"year_from": 1970, "year_to": 1979, "max_per_artist": 1, "market": "DE"},
        "reasons": True,
    }
    with talking(service, listener_id=listener_id, **ruled) as talker:
        first = told(talker)
        talker.send(played(QUEEN, "one"))
        second = told(talker)
    answer = service.post("/v1/next", json={"listener_id": listener_id, **ruled}).json()
    assert (second["recommendation_id"], second["tracks"]) == (answer["recommendation_id"], answer["tracks"])
    for ranking in (first, second):
        assert 0 < len({track["artist"] for track in ranking["tracks"]} - {"Eagles"}) == len(ranking["tracks"])
        assert all(1970 <= track["year"] <= 1979 and "reasons" in track for track in ranking["tracks"])
        assert ZEPPELIN not in [track["track_id"] for track in ranking["tracks"]]


def test_events_go_in_and_rankings_come_out(service: httpx.Client, listener_id: str) -> None:
    """Each message is answered by its own ranking; a repeated one is known again."""
    with talking(service, listener_id=listener_id, n=3) as talker:
        first = told(talker)
        assert (first["type"], first["seq"], len(first["tracks"])) == ("next", 0, 3)
        for event_id, outcome in (("one", "applied"), ("one", "duplicate")):
            talker.send(played(QUEEN, event_id))
            answer = told(talker)
            assert (answer["type"], answer["seq"]) == ("next", 1)
            assert [event["outcome"] for event in answer["events"]] == [outcome]
        service.post("/v1/next", json={"listener_id": listener_id, "event": {"type": "played", "track_id": ZEPPELIN}})
        answer = told(talker)
        assert (answer["seq"], answer["events"]) == (2, [])
        # What REST answers is what the conversation told.
        rest = service.post("/v1/next", json={"listener_id": listener_id, "n": 3}).json()
        assert rest["recommendation_id"] == answer["recommendation_id"]


def test_messages_sent_in_one_go_are_answered_in_their_order(service: httpx.Client, listener_id: str) -> None:
    with talking(service, listener_id=listener_id, n=1) as talker:
        told(talker)
        for number in range(50):
            talker.send(played(QUEEN, f"event {number}"))
        answers = [told(talker) for _ in range(50)]
        assert [answer["seq"] for answer in answers] == list(range(1, 51))
        assert all(answer["events"][0]["outcome"] == "applied" for answer in answers)


def test_a_forgotten_listener_is_told_good_bye(service: httpx.Client, listener_id: str) -> None:
    with talking(service, listener_id=listener_id) as talker:
        told(talker)
        talker.send(played(QUEEN, "one"))
        told(talker)
        service.delete(f"/v1/listeners/{listener_id.replace(' ', '%20')}")
        assert told(talker) == {"type": "bye", "reason": "forgotten", "retry_ms": None}
        with pytest.raises(ConnectionClosed):
            talker.recv(20)
        assert talker.close_code == 4410


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (["{}"], "listener_id"),
        (["not JSON"], "JSON"),
        (['{"listener_id": "ann", "volume": 11}'], "volume"),
        (['{"listener_id": "ann"}', '{"event": {}, "events": []}'], "event"),
        (['{"listener_id": "ann"}', "{}"], "event"),
        (['{"listener_id": "ann"}', '{"event": {"type": "hummed", "track_id": "t"}}'], "type"),
        ([b"\xff\xfe"], "JSON"),
    ],
)
def test_what_nobody_understands_ends_the_conversation(
    service: httpx.Client, messages: list[str | bytes], reason: str
) -> None:
    """With the place that was wrong as the reason, as far as it fits into a close frame."""
    with connect(f"{str(service.base_url).replace('http', 'ws')}/v1/live", open_timeout=20) as talker:
        for message in messages:
            talker.send(message)
        assert all(json.loads(message)["type"] == "next" for message in until_closed(talker))
        assert talker.close_code == 4400
        assert reason in str(talker.close_reason)


def test_without_a_model_the_caller_is_told_to_come_back(service_without_model: httpx.Client) -> None:
    with talking(service_without_model, listener_id="ann") as talker:
        with pytest.raises(ConnectionClosed):
            talker.recv(20)
        assert talker.close_code == 4503


def test_without_a_session_store_events_are_rejected_and_rankings_go_on(service_without_store: httpx.Client) -> None:
    with talking(service_without_store, listener_id="ann", n=2) as talker:
        assert told(talker)["degraded"] == ["state_unavailable", "updates_unavailable"]
        talker.send(played(QUEEN, "one"))
        answer = told(talker)
        assert [event["outcome"] for event in answer["events"]] == ["rejected"]
        assert len(answer["tracks"]) == 2


def test_a_key_comes_in_the_first_message_or_in_a_header(
    model_store: Path, store_url: str, tmp_path: Path, listener_id: str
) -> None:
    """Without one nothing is told; one for rankings alone takes in no events."""
    settings = Settings(model_store=model_store, data_dir=tmp_path, redis_url=store_url, reload_interval_s=60.0)
    file = ApiKeyFile(settings.api_keys_file)
    useless, reading, able = (secret_of(file, *scopes) for scopes in ((), (Scope.RECOMMEND,), tuple(Scope)))
    with served(create_app(settings)) as service:
        for refused in ({}, {"token": useless}, {"token": "segue_wrong"}):
            with talking(service, listener_id=listener_id, **refused) as talker:
                assert list(until_closed(talker)) == []
                assert talker.close_code == 4401
        with talking(service, listener_id=listener_id, token=reading) as talker:
            assert told(talker)["type"] == "next"
            talker.send(played(QUEEN, "one"))
            assert (told(talker) | {"detail": ""})["code"] == "scope_missing"
        address = f"{str(service.base_url).replace('http', 'ws')}/v1/live"
        with connect(address, additional_headers={"Authorization": f"Bearer {able}"}) as talker:
            talker.send(json.dumps({"listener_id": listener_id}))
            told(talker)
            talker.send(played(QUEEN, "one"))
            assert told(talker)["seq"] == 1
