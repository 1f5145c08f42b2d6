"""The door of the whole service: every call, with every kind of key."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.domain.api_keys import Scope, new_key
from app.main import create_app
from app.settings import Settings
from app.stores.api_keys import ApiKeyFile
from app.web.scopes import OPEN, needed
from tests.web.conftest import served
from tests.web.test_openapi import DOCUMENT

HEARD = {"listener_id": "door ann", "event": {"type": "played", "track_id": "queen-bohemian-rhapsody"}}


class Locked:
    """A service with keys, and the file they are in."""

    def __init__(self, client: httpx.Client, file: ApiKeyFile) -> None:
        self.client = client
        self.file = file

    def secret(self, *scopes: Scope, **more: Any) -> str:
        """Make a key and wait until the service knows it."""
        key, secret = new_key(f"test {time()}", scopes, now=time(), **more)
        self.file.change(lambda ring: ring.adding(key, time()))
        self.until(lambda: self.get("/openapi.json", secret).status_code == 200)
        return secret

    def get(self, path: str, secret: str | None = None) -> httpx.Response:
        return self.client.get(path, headers=bearer(secret))

    def until(self, happened: Callable[[], bool]) -> None:
        deadline = monotonic() + 10
        while not happened():
            assert monotonic() < deadline, "the service did not follow the file of keys"
            sleep(0.05)


def bearer(secret: str | None) -> dict[str, str]:
    return {} if secret is None else {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def locked(model_store: Path, store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    data_dir = tmp_path_factory.mktemp("locked")
    settings = Settings(
        model_store=model_store, data_dir=data_dir, redis_url=store_url, reload_interval_s=60.0, log_format="console"
    )
    file = ApiKeyFile(settings.api_keys_file)
    file.change(lambda ring: ring.adding(new_key("first", [], now=time())[0], time()))
    with served(create_app(settings)) as client:
        yield Locked(client, file)


OPERATIONS = [
    (method.upper(), re.sub(r"\{\w+\}", "x", path))
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_nothing_but_health_is_answered_without_a_key(locked: Locked, method: str, path: str) -> None:
    response = locked.client.request(method, path)
    if path in OPEN:
        assert response.status_code == 200
        return
    assert (response.status_code, response.json()["code"]) == (401, "key_needed")
    assert response.headers["www-authenticate"] == 'Bearer realm="segue"'
    assert response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/docs", "/v1/admin/tracks/", "//v1/next", "/livez/"])
def test_what_does_not_exist_is_not_told_to_strangers(locked: Locked, path: str) -> None:
    assert locked.client.get(path).status_code == 401


def test_every_call_needs_the_scope_that_the_openapi_states(locked: Locked) -> None:
    """With every scope but that one it is refused; with it, the call gets further than the door."""
    secrets = {scope: locked.secret(*(set(Scope) - {scope})) for scope in Scope}
    holder = locked.secret(*Scope)
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            if path in OPEN:
                assert "security" not in operation
                continue
            url = re.sub(r"\{\w+\}", "x", path)
            stated = operation["security"][0]["bearer"]
            assert stated == ([needed(method.upper(), url)] if needed(method.upper(), url) else [])
            assert {"401", "429"} <= set(operation["responses"])
            if stated:
                response = locked.client.request(method, url, headers=bearer(secrets[Scope(stated[0])]))
                assert (response.status_code, response.json()["code"]) == (403, "scope_missing"), (method, path)
                assert "insufficient_scope" in response.headers["www-authenticate"]
            if "stream" not in url:
                response = locked.client.request(method, url, headers=bearer(holder))
                assert response.status_code not in {401, 403, 500}, (method, path)


def test_a_key_that_is_not_for_events_cannot_slip_them_into_next(locked: Locked) -> None:
    """Asking is one thing, changing what is remembered another."""
    asking, both = locked.secret(Scope.RECOMMEND), locked.secret(Scope.RECOMMEND, Scope.EVENTS)
    response = locked.client.post("/v1/next", json=HEARD, headers=bearer(asking))
    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    for harmless in ({"recent": ["queen-bohemian-rhapsody"]}, {"listener_id": "door ann"}, {**HEARD, "consent": False}):
        assert locked.client.post("/v1/next", json=harmless, headers=bearer(asking)).status_code == 200
    assert locked.client.post("/v1/next", json=HEARD, headers=bearer(both)).status_code == 200


def test_a_key_may_come_in_a_header_of_its_own_and_never_in_the_query(locked: Locked) -> None:
    secret = locked.secret()
    assert locked.client.get("/metrics", headers={"X-API-Key": secret}).status_code == 200
    assert locked.client.get("/metrics", headers={"Authorization": f"bearer {secret}"}).status_code == 200
    for query in ("key", "api_key", "access_token", "authorization"):
        assert locked.client.get(f"/metrics?{query}={secret}").status_code == 401


@pytest.mark.parametrize("value", ["Basic c2VndWU6", "Bearer", "Bearer \xe9\xff", "Bearer x, Bearer y", "\x7f"])
def test_odd_credentials_are_refused_and_break_nothing(locked: Locked, value: str) -> None:
    response = locked.client.get("/metrics", headers=[(b"authorization", value.encode("latin-1"))])
    assert response.status_code in {400, 401}


def test_a_key_is_revoked_while_the_service_runs(locked: Locked) -> None:
    secret = locked.secret(Scope.RECOMMEND)
    locked.file.change(lambda ring: ring.revoking(secret[6:14], time()))
    locked.until(lambda: locked.get("/metrics", secret).status_code == 401)
    assert locked.get("/metrics", secret).json()["code"] == "key_refused"


def test_a_file_that_is_damaged_or_gone_does_not_open_the_door(locked: Locked) -> None:
    """The keys that are known stay in force."""
    secret, content = locked.secret(), locked.file.path.read_bytes()
    for harm in (lambda: locked.file.path.write_text("{"), locked.file.path.unlink):
        harm()
        sleep(1.2)
        assert locked.get("/metrics").status_code == 401
        assert locked.get("/metrics", secret).status_code == 200
    locked.file.path.write_bytes(content)


def test_a_key_may_ask_so_often_and_is_told_how_often(locked: Locked) -> None:
    secret = locked.secret(requests_per_minute=6)
    answers = [locked.get("/metrics", secret) for _ in range(8)]
    assert answers[0].headers["ratelimit-policy"] == '"calls";q=6;w=60'
    assert re.fullmatch(r'"calls";r=[0-5];t=[0-9]+', answers[0].headers["ratelimit"])
    refused = answers[-1]
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"calls";r=0;')


def test_calls_of_the_operator_are_counted_apart(locked: Locked) -> None:
    secret = locked.secret(Scope.ADMIN, requests_per_minute=2)
    answers = [locked.get("/v1/models", secret) for _ in range(4)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["ratelimit-policy"] == '"admin";q=600;w=60'


def test_no_secret_is_in_logs_errors_or_metrics(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong: refused, broken inside, asked for by a wrong name. Tracebacks: tests/test_telemetry.py."""
    secret = locked.secret(*Scope)
    canary, said = secret[15:], ""
    spoiled = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for path in ("/metrics", "/v1/nothing", "/v1/models", "/v1/next"):
        for shown in (secret, spoiled):
            for response in (locked.get(path, shown), locked.client.post(path, headers=bearer(shown), content=b"{")):
                said += response.text + str(response.headers)
    monkeypatch.setattr("app.web.routes.models.models_answer", lambda *_: 1 / 0)
    with capture_logs() as logged:
        broken = locked.get("/v1/models", secret)
    assert broken.status_code == 500
    said += broken.text + locked.get("/metrics", secret).text + repr(logged) + locked.file.path.read_text()
    assert canary[:-1] not in said


def test_without_keys_a_page_from_elsewhere_does_nothing(
    model_store: Path, store_url: str, tmp_path: Path, service: httpx.Client
) -> None:
    """DNS rebinding, and requests that a browser sends without asking; with keys there is nothing to borrow."""
    for headers in ({"Host": "rebound.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        for method, path in (("POST", "/v1/models/labels/stable/rollback"), ("GET", "/v1/tracks?q=queen")):
            response = service.request(method, path, headers=headers)
            assert (response.status_code, response.json()["code"]) == (403, "not_admitted")
    assert service.get("/v1/tracks?q=queen", headers={"Origin": "http://localhost:3000"}).status_code == 200
    settings = Settings(model_store=model_store, data_dir=tmp_path, redis_url=store_url, open_without_keys=True)
    with served(create_app(settings)) as client:
        assert client.get("/v1/tracks?q=queen", headers={"Host": "segue.example"}).status_code == 200


def test_the_operator_may_have_a_port_of_their_own(
    model_store: Path, store_url: str, tmp_path: Path, free_port: int
) -> None:
    """Here the one port is the operator's: what listeners call is not found on it, and health is."""
    settings = Settings(model_store=model_store, data_dir=tmp_path, redis_url=store_url, admin_port=free_port)
    with served(create_app(settings)) as client:
        assert client.get("/v1/models").json()["code"] == "no_such_route"
        assert client.get("/metrics").status_code == 404
        assert client.get("/v1/tracks?q=queen").status_code == 200
        assert client.get("/readyz").status_code == 200
    with served(create_app(settings), port=free_port) as client:
        assert client.get("/v1/models").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/tracks?q=queen").json()["code"] == "no_such_route"
        assert client.get("/readyz").status_code == 200
