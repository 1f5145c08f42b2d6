"""Calls that change what is served are answered on this machine only."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from app.web.admission import NotAdmitted, admit
from app.web.api import build_api

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def nothing(_api: FastAPI) -> AsyncIterator[Mapping[str, object]]:
    yield {}


def request_from(client: tuple[str, int] | None) -> Request:
    return Request({"type": "http", "client": client, "headers": []})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_admitted(host: str) -> None:
    admit(request_from((host, 50_000)))


@pytest.mark.parametrize("host", ["192.168.1.7", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "localhost", ""])
def test_everybody_else_is_not(host: str) -> None:
    """Nor a name: whoever sends it chose it."""
    with pytest.raises(NotAdmitted, match="this machine"):
        admit(request_from((host, 50_000)))


def test_a_client_without_address_is_not() -> None:
    with pytest.raises(NotAdmitted, match="none known"):
        admit(request_from(None))


async def test_it_is_told_as_a_problem_before_the_body_is_read() -> None:
    """From another machine even nonsense is only told to stay away."""
    transport = httpx.ASGITransport(build_api(nothing), client=("203.0.113.9", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://segue") as client:
        response = await client.post("/v1/admin/tracks", content=b"{")
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "not_admitted"
