"""Bodies are JSON, whole, bounded; anything else is told what was expected."""

from collections.abc import Iterator

import httpx
import pytest

from app.web.body import MAX_BODY_BYTES

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"nonsense", b'{"n": 1}}', b'{"listener_id": "\xff"}', b'{"n": \\ud800}', b"[" * 100_000]
)
def test_what_is_not_json_is_told_where_it_ends_to_be(service: httpx.Client, content: bytes) -> None:
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
