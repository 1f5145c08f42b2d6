"""GET /v1/tracks against the real service."""

from urllib.parse import quote

import httpx
import pytest

from app.domain.catalogue import Track

AWKWARD = Track("söng/1 100%", "Jóga & <b>戦場</b>", "Björk")


def test_a_search_forgives_typos(service: httpx.Client) -> None:
    """Best match first."""
    response = service.get("/v1/tracks", params={"q": "bohemian rapsody queen", "limit": 3})
    assert response.status_code == 200
    assert response.json()["query"] == "bohemian rapsody queen"
    assert response.json()["tracks"][0]["track_id"] == "queen-bohemian-rhapsody"
    assert len(response.json()["tracks"]) <= 3
    assert "x-model-version" in response.headers


def test_a_search_that_finds_nothing_is_an_empty_list(service: httpx.Client) -> None:
    """Not an error."""
    assert service.get("/v1/tracks", params={"q": "zzzzzzzzzzzz"}).json()["tracks"] == []


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({}, "q"), ({"q": ""}, "q"), ({"q": "x" * 201}, "q"), ({"q": "a", "limit": "0"}, "limit")],
)
def test_a_search_for_nothing_is_refused(service: httpx.Client, parameters: dict[str, str], field: str) -> None:
    """In the same shape as a wrong body."""
    response = service.get("/v1/tracks", params=parameters)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    [problem] = response.json()["errors"]
    assert (problem["in"], problem["field"]) == ("query", field)


def test_a_track_is_shown_whole(service: httpx.Client) -> None:
    """Whatever its id needs in a path: a slash, a space, a percent sign, letters of several scripts."""
    response = service.get(f"/v1/tracks/{quote(AWKWARD.track_id, safe='')}")
    assert response.status_code == 200
    assert response.json() == {
        "track_id": AWKWARD.track_id,
        "title": AWKWARD.title,
        "artist": AWKWARD.artist,
        "album": None,
        "year": None,
        "genre": None,
        "tags": [],
        "duration_s": None,
        "explicit": None,
        "markets": [],
    }


def test_a_track_that_is_not_there_is_not_found(service: httpx.Client) -> None:
    """With the way to find one."""
    response = service.get("/v1/tracks/nobody-knows-it")
    assert (response.status_code, response.json()["code"]) == (404, "track_not_found")


def test_an_id_that_is_none_is_refused(service: httpx.Client) -> None:
    """A control character, or more than 256 letters."""
    for path in ("/v1/tracks/a%07b", f"/v1/tracks/{'x' * 257}"):
        response = service.get(path)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
        assert response.json()["errors"][0]["in"] == "path"
