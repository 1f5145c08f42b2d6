"""POST /v1/next against the real service."""

import re
from collections import Counter

import httpx
import pytest

QUEEN = "queen-bohemian-rhapsody"
ZEPPELIN = "led-zeppelin-stairway-to-heaven"

SEEDED: dict[str, dict[str, object]] = {"/v1/next": {}, "/v1/playlists": {"seeds": ["queen-bohemian-rhapsody"]}}


def test_an_event_and_the_next_tracks_in_one_round_trip(service: httpx.Client, listener_id: str) -> None:
    """Ten titled tracks with rank and probability, best first, and what became of the event."""
    body = {"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN, "event_id": "e1"}, "n": 10}
    response = service.post("/v1/next", json=body)
    assert response.status_code == 200
    answer = response.json()
    assert [track["rank"] for track in answer["tracks"]] == list(range(1, 11))
    assert all(track["title"] and track["artist"] for track in answer["tracks"])
    probabilities = [track["probability"] for track in answer["tracks"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert QUEEN not in {track["track_id"] for track in answer["tracks"]}
    assert answer["events"] == [
        {"event_id": "e1", "listener_id": listener_id, "outcome": "applied", "seq": 1, "detail": None}
    ]
    assert answer["seq"] == 1
    assert answer["pool"]["before"] == answer["pool"]["after"] + 1
    assert answer["degraded"] == []


def test_a_repeated_event_gets_the_same_answer(service: httpx.Client, listener_id: str) -> None:
    """Applied once, whatever the network lost."""
    body = {"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN, "event_id": "e1"}}
    first, second = (service.post("/v1/next", json=body).json() for _ in range(2))
    assert second["events"][0]["outcome"] == "duplicate"
    assert second["recommendation_id"] == first["recommendation_id"]
    assert second["tracks"] == first["tracks"]


def test_several_events_are_taken_in_their_order(service: httpx.Client, listener_id: str) -> None:
    """One answer after all of them, one outcome each."""
    events = [{"type": "played", "track_id": QUEEN}, {"type": "played", "track_id": "nobody-knows-it"}]
    answer = service.post("/v1/next", json={"listener_id": listener_id, "events": events}).json()
    assert [event["outcome"] for event in answer["events"]] == ["applied", "unknown_track"]
    assert answer["unknown_tracks"] == ["nobody-knows-it"]
    assert len({event["event_id"] for event in answer["events"]}) == 2


def test_without_a_listener_only_recent_counts(service: httpx.Client) -> None:
    """And the same question has the same answer."""
    body = {"recent": [QUEEN, ZEPPELIN], "n": 5, "exclude_artists": ["pink floyd"]}
    first, second = (service.post("/v1/next", json=body).json() for _ in range(2))
    assert first["tracks"] == second["tracks"]
    assert first["listener_id"] is None
    assert "Pink Floyd" not in {track["artist"] for track in first["tracks"]}


def test_headers_tell_the_model_and_where_the_time_went(service: httpx.Client, listener_id: str) -> None:
    """For a browser's network panel and for whoever compares versions."""
    body = {"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN}}
    response = service.post("/v1/next", json=body)
    assert response.headers["x-model-version"] == response.json()["checkpoint_id"]
    stages = dict(re.findall(r"(\w+);dur=([0-9.e-]+)", response.headers["server-timing"]))
    assert {"load", "queue", "step", "commit"} <= set(stages)


def test_two_spellings_of_a_listeners_name_are_one_listener(service: httpx.Client, listener_id: str) -> None:
    """NFC, as for every id."""
    for name in (f"{listener_id} e\u0301", f"{listener_id} \u00e9"):
        body = {"listener_id": name, "event": {"type": "played", "track_id": QUEEN, "event_id": "once"}}
        answer = service.post("/v1/next", json=body).json()
    assert answer["events"][0]["outcome"] == "duplicate"


def test_without_a_session_store_the_answer_comes_from_what_the_request_carries(
    service_without_store: httpx.Client, listener_id: str
) -> None:
    """200, marked degraded, and the event is not claimed to be kept."""
    body = {"listener_id": listener_id, "event": {"type": "played", "track_id": QUEEN}, "recent": [ZEPPELIN], "n": 5}
    response = service_without_store.post("/v1/next", json=body)
    assert response.status_code == 200
    answer = response.json()
    assert answer["degraded"] == ["state_unavailable"]
    assert answer["events"][0]["outcome"] == "rejected"
    assert len(answer["tracks"]) == 5


def test_without_a_model_it_says_so(service_without_model: httpx.Client) -> None:
    """503 with the time to wait and what an operator has to do."""
    response = service_without_model.post("/v1/next", json={})
    assert (response.status_code, response.json()["code"]) == (503, "no_checkpoint")
    assert int(response.headers["retry-after"]) > 0
    assert "segue train" in response.json()["detail"]


def test_rules_hold_of_every_track_and_are_counted(service: httpx.Client) -> None:
    """Each by itself; the same object as for a playlist. A list that is short says by which rule."""
    rules = {"year_from": 1970, "year_to": 1979, "tags_none": ["live"], "max_per_artist": 2}
    answer = service.post("/v1/next", json={"recent": ["queen-bohemian-rhapsody"], "n": 50, "rules": rules}).json()
    assert answer["tracks"]
    assert all(1970 <= track["year"] <= 1979 and "live" not in track["tags"] for track in answer["tracks"])
    counts = Counter(track["artist"] for track in answer["tracks"])
    assert max(counts.values()) == 2
    assert {"years", "heard", "max_per_artist"} <= set(answer["pool"]["rules"])
    assert answer["shortfall"].startswith(f"{len(answer['tracks'])} of 50 tracks. ")
    assert f"years takes {answer['pool']['rules']['years']}" in answer["shortfall"]
    playlist = service.post("/v1/playlists", json={"seeds": ["queen-bohemian-rhapsody"], "n": 3, "rules": rules}).json()
    assert all(1970 <= track["year"] <= 1979 for track in playlist["tracks"])


def test_nothing_is_taken_for_clean_that_nobody_called_so(service: httpx.Client) -> None:
    """Nobody told it of any track of the demo: none comes, and the answer says why."""
    for path in ("/v1/next", "/v1/playlists"):
        answer = service.post(path, json={"n": 3, **SEEDED[path], "rules": {"explicit": False, "market": "de"}}).json()
        assert (answer["tracks"], answer["pool"]["after"]) == ([], 0)
        assert answer["pool"]["rules"]["explicit"] == answer["pool"]["before"]
        assert "market" not in answer["pool"]["rules"]
        assert f"explicit takes {answer['pool']['before']}" in answer["shortfall"]


@pytest.mark.parametrize(
    "rules",
    [
        {"explicit": "no"},
        {"market": "Germany"},
        {"market": "D1"},
        {"year_from": 1980, "year_to": 1970},
        {"max_per_artist": 0},
        {"tags_any": [""]},
        {"mood": "sad"},
        {"year_to": "1970"},
    ],
)
def test_rules_that_mean_nothing_are_refused(service: httpx.Client, rules: dict[str, object]) -> None:
    for path in ("/v1/next", "/v1/playlists"):
        response = service.post(path, json={"rules": rules})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
        assert response.json()["errors"][0]["field"].startswith("rules")


def test_reasons_come_where_they_are_asked_for(service: httpx.Client) -> None:
    """Beside each track, with what moved it; without asking the field is not there."""
    body = {"recent": [QUEEN, ZEPPELIN], "n": 5}
    assert all("reasons" not in track for track in service.post("/v1/next", json=body).json()["tracks"])
    tracks = service.post("/v1/next", json={**body, "reasons": True}).json()["tracks"]
    reasons = [reason for track in tracks for reason in track["reasons"]]
    assert reasons
    assert {reason["track_id"] for reason in reasons} <= {QUEEN, ZEPPELIN, None}
    assert all(reason["lift"] >= 1.1 for reason in reasons)
