"""What one connection may ask of the server: how long to say what it wants, how many bytes, how many at once.

uvicorn with httptools waits for the rest of a request for ever and takes headers of any size; a few hundred
connections that dribble (slowloris) would hold a worker's memory and sockets. Knows nothing of routes.
"""

import asyncio
import resource
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex
from typing import Any

import uvicorn

from app.errors import Overloaded, SegueError
from app.web.draining import Connection
from app.web.problem_table import HeadersTooLarge, MalformedRequest, RequestTooSlow
from app.web.problems import problem_response


@dataclass(frozen=True, slots=True)
class Bounds:
    """Per connection: seconds and bytes for the head of a request, seconds for its body, bytes for all of it.

    The bytes of the whole are those that are still read and thrown away after a body was refused as too large.
    """

    head_s: float = 10.0
    body_s: float = 30.0
    head_bytes: int = 64 * 1024
    request_bytes: int = 16 * 1024 * 1024
    connections: int = 10_000


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration with the bounds of its connections, for this process and its workers."""

    def __init__(self, app: str, bounds: Bounds, **options: Any) -> None:
        super().__init__(app, **options)
        self.bounds = bounds


def allow_connections() -> None:
    """Raise the limit of open files as far as the system lets us: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class BoundedConnection(Connection):
    """A connection that gives up on who is too slow or says too much.

    A request that comes in one piece, as nearly all do, costs three assignments and no timer.
    """

    # Which part of which request is being received: 2n for the head of the n-th, 2n + 1 for its body.
    _part = 0
    _receiving = True
    _bytes = 0
    _timed_part = -1
    _timer: asyncio.TimerHandle | None = None

    @property
    def _bounds(self) -> Bounds:
        return self.config.bounds if isinstance(self.config, BoundedConfig) else Bounds()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and wait for a first request; who comes when all places are taken is told so."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections:
            self._refuse(Overloaded(f"Expected at most {self._bounds.connections} connections, got one more. Wait."))
        else:
            self._time()

    def data_received(self, data: bytes) -> None:
        """Take in bytes; a part that is not whole by now has until its deadline, however many bytes dribble in."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._bytes += len(data)
        if self._receiving:
            self._check_size()
            self._time()
        elif self._timer is not None:
            self._untime()
        if not self._receiving and self.timeout_keep_alive_task is None and self._is_idle:
            self._receiving = True  # bytes that begin nothing, such as empty lines for ever
            self._time()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._part += 2 - self._part % 2
        self._receiving, self._bytes = True, 0

    def on_headers_complete(self) -> None:
        """Go on with the body."""
        super().on_headers_complete()
        self._part += 1

    def on_message_complete(self) -> None:
        """End a request; its answer may take as long as it takes."""
        super().on_message_complete()
        self._receiving = False

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the WebSocket, which has bounds of its own."""
        self._untime()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._untime()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the shape of every other error."""
        self._refuse(MalformedRequest(f"Expected an HTTP request, got something else. {msg}"))

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _check_size(self) -> None:
        if self._part % 2 == 0 and self._bytes > self._bounds.head_bytes:
            self._refuse(HeadersTooLarge(f"Expected at most {self._bounds.head_bytes} bytes of headers, got more."))
        elif self._bytes > self._bounds.request_bytes:
            self.transport.close()

    def _time(self) -> None:
        if self._timed_part != self._part or self._timer is None:
            self._untime()
            self._timed_part = self._part
            patience_s = self._bounds.body_s if self._part % 2 else self._bounds.head_s
            self._timer = self.loop.call_later(patience_s, self._give_up)

    def _untime(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self.transport.get_protocol() is not self:
            return  # it has been told good-bye
        self._refuse(RequestTooSlow("Expected the rest of the request sooner. Send it again, in one piece."))

    def _refuse(self, error: SegueError) -> None:
        """Answer in place of the app and close; where an answer has begun, close."""
        if self.transport.is_closing():
            return
        if self._is_idle or not self.cycle.response_started:
            response = problem_response(error, {"state": {"request_id": token_hex(8)}})
            response.headers["Connection"] = "close"
            lines = [b"HTTP/1.1 %d %s" % (response.status_code, HTTPStatus(response.status_code).phrase.encode())]
            lines += [name + b": " + value for name, value in response.raw_headers]
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body))
        self.transport.close()
