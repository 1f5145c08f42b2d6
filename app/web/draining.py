"""How a connection ends when the service does: with an answer to all that was sent, told that it was the last.

From the moment the server drains, the last answer that a connection has to give says `Connection: close`; one that is
idle has a moment to ask once more, is then closed from our side and listened to until the caller closes too. Bytes
that nobody reads before a socket closes would reach the caller as a reset. Knows nothing of routes.
"""

import asyncio
import select

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.errors import TryLater

# Where the server tells it: an event in the lifespan state, which reaches every connection and every request's scope.
DRAINING = "draining"
# In every request's scope: how to cut its connection off, for what an answer cannot end in order.
ABORT = "abort"
# A caller at work asks again within milliseconds and is then told; who is silent longer has nothing on the way.
IDLE_S = 1.0
LINGER_S = 1.0


class Draining(TryLater):
    """The server is about to end and takes no new callers."""


def is_draining(scope: Scope) -> bool:
    """Tell whether the server that took this request is about to end."""
    draining: asyncio.Event | None = scope.get("state", {}).get(DRAINING)
    return draining is not None and draining.is_set()


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which uvicorn itself would close at once where no request is under way."""

    _last: RequestResponseCycle | None = None  # the exchange that is to announce the close

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; a connection that waited to be accepted while the server began to drain is one of the last."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, ABORT: transport.abort}
        if self._draining:
            self.shutdown()

    def shutdown(self) -> None:
        """End politely: the request under way is the last one, or the next one if it comes soon."""
        if self._at_work:
            self._announce()
        else:
            self.loop.call_later(IDLE_S, self._leave)

    def on_headers_complete(self) -> None:
        """Take in a request; of several that were sent at once only the last answer announces the close."""
        before = self.cycle
        super().on_headers_complete()
        if self._draining and self.cycle is not before:
            if before is not None and before is self._last and not before.response_started:
                before.keep_alive = True
            self._announce()

    def on_response_complete(self) -> None:
        """Go on; an answer that had begun before the server drained did not announce the close."""
        super().on_response_complete()
        if self._draining and not self.transport.is_closing():
            self.shutdown()

    @property
    def _draining(self) -> bool:
        draining: asyncio.Event = self.app_state[DRAINING]
        return draining.is_set()

    @property
    def _at_work(self) -> bool:
        """Whether a request is being received or answered; a scope without its cycle has headers still to come."""
        if not self.cycle:  # none before the first request
            return self.scope is not None
        return not self.cycle.response_complete or self.scope is not self.cycle.scope

    def _announce(self) -> None:
        if self.cycle is not None and not self.cycle.response_started and self.cycle.keep_alive:
            self.cycle.keep_alive = False
            self._last = self.cycle

    def _leave(self) -> None:
        """Close our side unless a request has come after all."""
        if self.transport.is_closing() or self._at_work or _has_unread(self.transport):
            return
        self.transport.set_protocol(_Farewell(self))
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)


class LiveConnection(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which uvicorn itself would close before whoever talks there has said good-bye."""

    def shutdown(self) -> None:
        """Leave the end to the conversation, which is told too; the caller then has a moment to confirm it."""
        self.close_timeout = LINGER_S
        if not self.handshake_complete:
            super().shutdown()


class _Farewell(asyncio.Protocol):
    """What is left of a connection that was closed from our side: it waits for the caller to close too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)


def _has_unread(transport: asyncio.Transport) -> bool:
    """Tell whether the caller sent, or closed, what the event loop has not come to yet."""
    unread = select.poll()
    unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(unread.poll(0))
