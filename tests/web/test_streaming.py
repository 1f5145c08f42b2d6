"""Server-sent events: how they are written, and what becomes of readers who leave or do not read."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from app.domain.catalogue import Track
from app.domain.recommendation import Ask, RankedTrack, Recommendation
from app.serving.live_stream import Bye, LiveStream, ModelChanged, Told
from app.web.draining import ABORT
from app.web.streaming import EventStream, written


def some_ranking(title: str = "Time", degraded: tuple[str, ...] = ()) -> Recommendation:
    """A ranking of one track."""
    tracks = (RankedTrack(1, Track("t", title, "Pink Floyd"), 0.5),)
    return Recommendation("rec_1", "ann", "checkpoint", 3, tracks, (), (), 10, 9, degraded)


def read(event: bytes) -> dict[str, str]:
    """Read one event as the standard says: lines end with CR, LF or both, a field is what stands before a colon."""
    assert event.endswith(b"\n\n")
    lines = event.decode().replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    return dict(line.split(": ", 1) for line in lines)


@given(st.text())
def test_no_title_breaks_out_of_its_line(title: str) -> None:
    """Whatever it holds: line breaks, colons, the words `event: bye`."""
    fields = read(written(some_ranking(title.encode("utf-8", "replace").decode())))
    assert set(fields) == {"event", "id", "data"}
    assert json.loads(fields["data"])["tracks"][0]["title"] == title.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        (some_ranking(degraded=("updates_unavailable",)), {"event": "next"}),
        (ModelChanged("b", "a"), {"event": "model", "data": '{"checkpoint_id":"b","previous":"a"}'}),
        (Bye("draining", 700), {"event": "bye", "retry": "700", "data": '{"reason":"draining","retry_ms":700}'}),
        (Bye("forgotten"), {"event": "bye", "data": '{"reason":"forgotten","retry_ms":null}'}),
    ],
)
def test_every_kind_is_written_as_the_page_says(told: Told, fields: dict[str, str]) -> None:
    found = read(written(told))
    assert {"data": found["data"], **fields} == found


class Quiet:
    """Ranks the same for everybody."""

    is_away = False

    async def rank(self, listener_id: str, events: object, ask: Ask) -> Recommendation:
        assert (listener_id, events, ask.limit) == ("ann", (), 1)
        return some_ranking()


@contextmanager
def opening() -> Iterator[LiveStream]:
    stream = LiveStream(Quiet(), "ann", Ask(limit=1))
    stream.begin()
    yield stream


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.anyio
async def test_a_reader_who_takes_nothing_is_cut_off() -> None:
    """At once, with what is still in the buffer: there is nobody to send it to."""
    aborted = asyncio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and b"event" in message["body"]:
            await asyncio.Event().wait()

    answer = EventStream(opening(), heartbeat_s=0.05, slow_s=0.05)
    async with asyncio.timeout(5):
        await answer({"type": "http", "path": "/", "state": {ABORT: aborted.set}}, never, send)
    assert aborted.is_set()


@pytest.mark.anyio
async def test_a_comment_comes_while_nothing_happens() -> None:
    sent: list[bytes] = []
    enough = asyncio.Event()

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if sent.count(b": still here\n\n") == 3:
            enough.set()

    async def receive() -> Message:
        await enough.wait()
        return {"type": "http.disconnect"}

    answer = EventStream(opening(), heartbeat_s=0.01)
    async with asyncio.timeout(5):
        await answer({"type": "http", "path": "/", "state": {}}, receive, send)
    assert sent[1] == b"retry: 1000\n\n"
    assert sent[2].startswith(b"event: next\nid: rec_1\n")


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Read names and data off a stream."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_reader_follows_a_listener_and_comes_back(service: httpx.Client, listener_id: str) -> None:
    """Over real sockets: an event at another door, and what is sent again after a break."""
    path = f"/v1/listeners/{listener_id.replace(' ', '%20')}/stream?n=2"
    play = {"listener_id": listener_id, "event": {"type": "played", "track_id": "queen-bohemian-rhapsody"}}
    with service.stream("GET", path) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "content-encoding" not in response.headers
        told = events(response.iter_lines())
        assert next(told)[1]["seq"] == 0
        service.post("/v1/next", json=play)
        name, data = next(told)
        assert (name, data["seq"], data["events"]) == ("next", 1, [])
        assert len(data["tracks"]) == 2  # type: ignore[arg-type]
    seen = str(data["recommendation_id"])
    with service.stream("GET", path, headers={"Last-Event-ID": seen}) as response:
        told = events(response.iter_lines())
        service.post("/v1/next", json={**play, "consent": False})
        service.post("/v1/next", json=play)
        # Neither what was seen before nor what was not stored.
        assert next(told)[1]["seq"] == 2
        service.delete(f"/v1/listeners/{listener_id.replace(' ', '%20')}")
        assert next(told) == ("bye", {"reason": "forgotten", "retry_ms": None})
        assert next(told, None) is None


def test_a_stream_that_could_never_say_anything_is_refused(service_without_model: httpx.Client) -> None:
    response = service_without_model.get("/v1/listeners/ann/stream")
    assert (response.status_code, response.json()["code"]) == (503, "no_checkpoint")


@pytest.mark.parametrize(
    "query",
    [
        "n=0",
        "n=501",
        "artist_gap=-1",
        "n=many",
        "year_from=1980&year_to=1970",
        "max_per_artist=0",
        "tag_any=rock",
        "exclude=" + 300 * "x",
        "market=Germany",
        "explicit=perhaps",
    ],
)
def test_what_cannot_be_ranked_is_refused_before_the_stream_begins(service: httpx.Client, query: str) -> None:
    response = service.get(f"/v1/listeners/ann/stream?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_the_rules_of_a_query_hold_of_every_ranking(service: httpx.Client, listener_id: str) -> None:
    """As those of a body do: the same rules, the same answer."""
    query: dict[str, str | int | bool | list[str]] = {
        "n": 8,
        "exclude": "queen-under-pressure",
        "exclude_artists": ["Led Zeppelin", "Björk"],
        "max_per_artist": 3,
        "year_from": 1970,
        "year_to": 1979,
        "tags_none": ["live", "epic"],
        "explicit": True,
        "market": "de",
        "reasons": True,
    }
    body = {
        "listener_id": listener_id,
        "n": 8,
        "exclude": ["queen-under-pressure"],
        "exclude_artists": ["Led Zeppelin", "Björk"],
        "rules": {
            "max_per_artist": 3,
            "year_from": 1970,
            "year_to": 1979,
            "tags_none": ["live", "epic"],
            "market": "DE",
        },
        "reasons": True,
    }
    play = {"listener_id": listener_id, "event": {"type": "played", "track_id": "queen-bohemian-rhapsody"}}
    path = f"/v1/listeners/{listener_id.replace(' ', '%20')}/stream"
    with service.stream("GET", path, params=query) as response:
        told = events(response.iter_lines())
        first = next(told)[1]
        service.post("/v1/next", json=play)
        second = next(told)[1]
    answer = service.post("/v1/next", json=body).json()
    assert (second["recommendation_id"], second["tracks"]) == (answer["recommendation_id"], answer["tracks"])
    for ranking in (first, second):
        tracks = ranking["tracks"]
        assert isinstance(tracks, list)
        assert tracks
        for track in tracks:
            assert track["artist"] != "Led Zeppelin"
            assert 1970 <= track["year"] <= 1979
            assert not {"live", "epic"} & set(track["tags"])
