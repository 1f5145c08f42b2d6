"""The envelope of every exchange: a request id, the headers all answers carry, the count, and the last resort.

Pure ASGI, one layer for all of it: each further layer costs every request. Knows nothing of routes or bodies.
"""

import asyncio
import re
from secrets import token_hex
from time import perf_counter

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.draining import Draining, is_draining
from app.web.metrics import RequestMetrics
from app.web.problems import problem_response

UNMATCHED = "unmatched"
# What nginx writes when the caller left before there was an answer; only ever seen in metrics.
CALLER_LEFT = 499
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# For an API whose answers are personal and never pages. A page sets its own, which is kept.
STANDING_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STANDING = [(name.lower().encode(), value.encode()) for name, value in STANDING_HEADERS.items()]

log = structlog.get_logger(__name__)


class Envelope:
    """Wraps an ASGI app; `scope["state"]["request_id"]` names the request for all who answer it."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one exchange through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0

        async def send_enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _seal(message, request_id)
            await send(message)

        self._metrics.begin()
        try:
            await self._app(scope, receive, send_enveloped)
        except ClientDisconnect:
            status = status or CALLER_LEFT
        except asyncio.CancelledError:
            if status or not is_draining(scope):
                raise
            # The server ends and waits no longer for the rest of the request or for an answer.
            late = Draining("Expected the whole request and its answer before the server ends. Send it again.")
            await problem_response(late, scope)(scope, receive, send_enveloped)
        except Exception as error:
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            if status:
                raise  # an answer that has begun cannot be taken back; the server cuts the connection
            await problem_response(error, scope)(scope, receive, send_enveloped)
        finally:
            route = getattr(scope.get("route"), "path_format", UNMATCHED)
            self._metrics.end(route, scope["method"], status or CALLER_LEFT, perf_counter() - started)


def _request_id(scope: Scope) -> str:
    """Return the caller's request id when it is fit for a log line, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _REQUEST_ID.fullmatch(value) else token_hex(8)
    return token_hex(8)


def _seal(message: Message, request_id: str) -> None:
    headers = message["headers"] = list(message.get("headers", ()))
    present = {name for name, _ in headers}
    headers.append((b"x-request-id", request_id.encode()))
    headers.extend(standing for standing in _STANDING if standing[0] not in present)
