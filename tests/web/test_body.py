"""Bodies are JSON, whole, bounded; anything else is told what was expected."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.body import MAX_BODY_BYTES

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"nonsense", b'{"n": 1}}', b'{"listener_id": "\xff"}', b'{"n": \\ud800}', b"[" * 100_000]
)
def test_what_is_not_json_is_told_where_it_stops_being_that(service: httpx.Client, content: bytes) -> None:
    """400, not a validation error and never a 500."""
    response = service.post("/v1/next", content=content, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (400, "not_json")


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonish"])
def test_a_body_must_say_that_it_is_json(service: httpx.Client, media_type: str | None) -> None:
    """A page in a browser cannot post here unasked: JSON needs a preflight."""
    headers = {"content-type": media_type} if media_type else {}
    response = service.post("/v1/next", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"])
def test_the_usual_ways_of_saying_json_are_taken(service: httpx.Client, media_type: str) -> None:
    """Parameters and capitals do not matter."""
    assert service.post("/v1/next", content=b'{"n": 1}', headers={"content-type": media_type}).status_code == 200


def test_a_body_that_announces_too_much_is_not_read(service: httpx.Client) -> None:
    """413 at once."""
    response = service.post("/v1/next", content=b" " * (MAX_BODY_BYTES + 1), headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_body_that_announces_nothing_is_cut_off_at_the_limit(service: httpx.Client) -> None:
    """A chunked upload has no end in sight."""

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 65536

    response = service.post("/v1/next", content=chunks(), headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_body_of_the_size_that_is_allowed_is_read(service: httpx.Client) -> None:
    """The limit is a limit, not a mood."""
    response = service.post("/v1/next", content=b'{"n": 1}'.ljust(MAX_BODY_BYTES), headers=JSON)
    assert response.status_code == 200


def test_every_wrong_field_is_listed(service: httpx.Client) -> None:
    """Where it was, what was expected, what came."""
    response = service.post("/v1/next", json={"n": 0, "limit": 3, "recent": ["a", 5]})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "invalid_request")
    assert {(error["in"], error["field"], error["got"]) for error in problem["errors"]} == {
        ("body", "n", "0"),
        ("body", "limit", "3"),
        ("body", "recent[1]", "5"),
    }


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
NEXT_LIKE = st.fixed_dictionaries(
    {},
    optional={
        "listener_id": st.text(max_size=5) | JSON_VALUES,
        "event": st.fixed_dictionaries({"type": st.just("played"), "track_id": st.text(max_size=5)}) | JSON_VALUES,
        "events": st.lists(JSON_VALUES, max_size=3),
        "n": st.integers(-1, 600) | JSON_VALUES,
        "recent": st.lists(st.text(max_size=5), max_size=3) | JSON_VALUES,
        "artist_gap": st.integers(-1, 501) | JSON_VALUES,
    },
)


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(["/v1/next", "/v1/events", "/v1/playlists"]), body=NEXT_LIKE | JSON_VALUES)
def test_no_body_breaks_the_service(service: httpx.Client, path: str, body: Any) -> None:
    """It is answered, or refused in the one shape."""
    response = service.post(path, content=json.dumps(body), headers=JSON)
    assert response.status_code in {200, 422}, response.text
    if response.status_code != 200:
        assert response.json()["code"] in {"invalid_request", "rejected"}
