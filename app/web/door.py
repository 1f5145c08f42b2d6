"""The door: one layer of pure ASGI in front of every route and every WebSocket.

What it lets through carries its key in `scope["state"]["key"]`, and its answer says how many calls may follow
(draft-ietf-httpapi-ratelimit-headers-10). Knows nothing of what is behind it.
"""

from secrets import token_hex
from time import time
from typing import TYPE_CHECKING, cast

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.api_keys import ApiKey
from app.domain.api_keys import Scope as KeyScope
from app.errors import SegueError
from app.web.admission import (
    KEY,
    KeyNeeded,
    KeyRefused,
    RateExceeded,
    ScopeMissing,
    admit_holder,
    admit_keyless,
    check_addressed,
    check_scope,
)
from app.web.problem_table import NoSuchRoute
from app.web.problems import problem_response
from app.web.scopes import ANY_PORT, is_open, is_operation, needed

if TYPE_CHECKING:
    from app.web.doors import Doors

WINDOW_S = 60
_BEARER = b"bearer "
_ADDRESSED = (b"host", b"origin")
_CHALLENGES: dict[type[SegueError], str] = {
    KeyNeeded: 'Bearer realm="segue"',
    KeyRefused: 'Bearer realm="segue", error="invalid_token"',
    ScopeMissing: 'Bearer realm="segue", error="insufficient_scope"',
}

log = structlog.get_logger(__name__)


class Door:
    """Wraps an ASGI app; what comes without being entitled gets its problem and goes no further."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one exchange through, or refuse it."""
        if scope["type"] == "lifespan" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        behind = cast("Doors", state["doors"])
        counted: list[tuple[bytes, bytes]] = []
        try:
            need = needed(scope.get("method", "GET"), scope["path"])
            key = state[KEY] = admitted(scope, behind, need)
            if key is not None:
                count(key, behind, need, counted)
        except SegueError as refusal:
            state.setdefault("request_id", token_hex(8))  # of a WebSocket, which has no envelope
            response = problem_response(refusal, scope)
            if (challenge := _CHALLENGES.get(type(refusal))) is not None:
                response.headers["WWW-Authenticate"] = challenge
            response.raw_headers.extend(counted)
            await response(scope, receive, send)
            return
        if not counted:
            await self._app(scope, receive, send)
            return

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *counted]
            await send(message)

        await self._app(scope, receive, send_counted)


def admitted(scope: Scope, behind: "Doors", need: KeyScope | None, token: str | None = None) -> ApiKey | None:
    """Return the key of a call that may be made, None where no key is needed; raise what refuses it.

    `token` is a secret that came by another way than the headers.
    """
    ring, house = behind.keys.ring, behind.house
    if ring.is_empty:
        client = scope.get("client")
        admit_keyless(need, client[0] if client else "", house)
        if not house.open_without_keys:
            for name, value in scope["headers"]:
                if name in _ADDRESSED:
                    check_addressed(name, value)
        key = None
    else:
        key = admit_holder(ring, _secret(scope) or token, time())
        behind.keys.use(key.key_id)
    if house.admin_port is not None:
        _check_port(scope, house.admin_port)
    check_scope(key, need)
    if need is KeyScope.ADMIN:
        log.info("admin_call", method=scope.get("method"), path=scope["path"], key=key and key.key_id)
    return key


def _secret(scope: Scope) -> str | None:
    """Return the secret of a call: `Authorization: Bearer` or `X-API-Key`, never the query, which ends up in logs."""
    secret: str | None = None
    for name, value in scope["headers"]:
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            bearer: bytes = value[len(_BEARER) :]
            return bearer.strip().decode("latin-1")
        if name == b"x-api-key":
            secret = value.decode("latin-1")
    return secret


def _check_port(scope: Scope, admin_port: int) -> None:
    """Raise NoSuchRoute for an operator's call on the listeners' port, and the other way round."""
    server = scope.get("server")
    came_in = server is not None and server[1] == admin_port
    path = scope["path"]
    if path not in ANY_PORT and is_operation(scope.get("method", "GET"), path) != came_in:
        raise NoSuchRoute(f"Expected a path of this port, got {path!r}, which is answered on another.")


def count(key: ApiKey, behind: "Doors", need: KeyScope | None, counted: list[tuple[bytes, bytes]]) -> None:
    """Count a call, and note the headers that tell what is left; raise RateExceeded."""
    if need is KeyScope.ADMIN:
        policy, quota = "admin", behind.house.admin_requests_per_minute
    else:
        policy, quota = "calls", key.requests_per_minute or behind.house.requests_per_minute
    left = behind.rates.take(f"{key.key_id} {policy}", quota, WINDOW_S)
    counted.append((b"ratelimit-policy", b'"%s";q=%d;w=%d' % (policy.encode(), quota, WINDOW_S)))
    counted.append((b"ratelimit", b'"%s";r=%d;t=%d' % (policy.encode(), left.remaining, left.reset_s)))
    if left.wait_s:
        raise RateExceeded(
            f"Expected at most {quota} calls in {WINDOW_S} s with the key {key.name!r}, got one more. Wait.",
            retry_after_s=left.wait_s,
        )
