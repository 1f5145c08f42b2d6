"""What every answer carries, and what happens when nothing else catches an error."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.main import create_app
from app.settings import Settings
from app.web.envelope import STANDING_HEADERS
from tests.web.conftest import served


def test_a_well_formed_request_id_is_echoed(service: httpx.Client) -> None:
    """The caller's own name for the request."""
    response = service.get("/livez", headers={"x-request-id": "abc-123_X.9"})
    assert response.headers["x-request-id"] == "abc-123_X.9"


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 129, "<script>", "a\tb"])
def test_any_other_request_id_is_replaced(service: httpx.Client, request_id: str) -> None:
    """It would end up in logs and pages."""
    made = service.get("/livez", headers={"x-request-id": request_id}).headers["x-request-id"]
    assert made != request_id
    assert len(made) == 16


def test_a_problem_names_the_request(service: httpx.Client) -> None:
    """So that it can be found in the log."""
    response = service.get("/v1/nothing", headers={"x-request-id": "find-me"})
    assert response.json()["request_id"] == response.headers["x-request-id"] == "find-me"


@pytest.mark.parametrize("path", ["/livez", "/v1/nothing", "/v1/tracks/nobody-knows-it", "/openapi.json"])
def test_standing_headers_are_on_every_answer(service: httpx.Client, path: str) -> None:
    """Good or bad."""
    headers = service.get(path).headers
    assert {name: headers[name] for name in STANDING_HEADERS} == STANDING_HEADERS
    assert "server" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/v1/nothing", 404, "no_such_route", None),
        ("POST", "/v1/next/", 404, "no_such_route", None),
        ("GET", "/v1/next", 405, "method_not_allowed", {"POST"}),
        ("PROPFIND", "/v1/events", 405, "method_not_allowed", {"POST"}),
        ("POST", "/v1/listeners/ann", 405, "method_not_allowed", {"GET", "DELETE"}),
    ],
)
def test_unknown_paths_and_methods_are_problems_too(
    service: httpx.Client, method: str, path: str, status: int, code: str, allow: set[str] | None
) -> None:
    """In the one shape, with Allow where the standard wants it."""
    response = service.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    if allow:
        assert allow == set(response.headers["allow"].split(", "))


async def fail(_request: Request) -> Response:
    raise ZeroDivisionError("the secret of /etc/passwd")


async def fail_late(_request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError("too late")

    return StreamingResponse(parts())


def broken_api(home: Path) -> FastAPI:
    """The service, without model and session store, with two routes that fail as no route should."""
    away = f"unix://{home}/nobody-listens.sock"
    api = create_app(Settings(model_store=home / "model_store", data_dir=home, redis_url=away))
    api.add_route("/fail", fail)
    api.add_route("/fail-late", fail_late)
    return api


def test_what_nobody_foresaw_is_a_500_without_internals(tmp_path: Path) -> None:
    """With the request's name, in the same shape, counted."""
    with served(broken_api(tmp_path)) as client:
        response = client.get("/fail", headers={"x-request-id": "r-7"})
        assert response.status_code == 500
        assert response.json()["code"] == "internal_error"
        assert response.json()["request_id"] == "r-7"
        assert "secret" not in response.text
        assert "ZeroDivision" not in response.text
        assert response.headers["x-content-type-options"] == "nosniff"
        page = client.get("/metrics").text
        assert 'status="500"} 1.0' in page
        assert "segue_http_requests_open 1.0" in page  # the one that asks


def test_an_answer_that_has_begun_is_cut_off(tmp_path: Path) -> None:
    """It cannot be taken back, and must not look whole."""
    with served(broken_api(tmp_path)) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/fail-late")
