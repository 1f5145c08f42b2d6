"""Notices of what changed of whom, as it happens: over Redis pub/sub to every worker that follows the listener.

The scripts that change a session publish its new position, nothing where it was deleted, on a channel of the
session key's own name. Such a notice is lost where nobody is connected, so `Hearing` is told when that begins and
ends. In a Cluster every node passes every notice on, so any one of them will do. Knows nothing of sessions or rankings.
"""

import asyncio
from contextlib import suppress
from random import Random
from typing import Any, Protocol, Self

import structlog
from redis import exceptions

from app.stores.connection import connect
from app.stores.keys import LIVE_CHANNEL, listener_of, session_key
from app.stores.refusals import refusal
from app.stores.server import Link
from app.stores.session_record import seq_of

# A connection that says nothing for this long is asked whether it lives, and given up after as long again.
SILENCE_S = 2.0
SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0

# Of its own: whoever seeds the interpreter's would have every worker come back at the same moment.
_chance = Random()
log = structlog.get_logger(__name__)


class Hearing(Protocol):
    """Who is told. Every method returns at once."""

    def noticed(self, listener_id: str, seq: int | None) -> None:
        """Take in that a listener's session is at this seq; None: it may have changed unnoticed before."""

    def forgotten(self, listener_id: str) -> None:
        """Take in that a listener was forgotten, or merged into another."""

    def lost(self) -> None:
        """Take in that no notices arrive from now on."""

    def found(self) -> None:
        """Take in that notices arrive; each followed listener is noticed once more."""


class Notices:
    """One connection for all that a worker follows. Use it as an async context manager."""

    def __init__(self, link: Link, *, timeout_s: float) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._wanted: set[str] = set()
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    @classmethod
    def connect(cls, url: str, *, timeout_s: float) -> "Notices":
        """Return the notices of the server at a URL (`connection.py` lists the kinds), not connected yet."""
        return cls(connect(url, timeout_s), timeout_s=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._link.aclose()

    def tell(self, hearing: Hearing) -> None:
        """Begin to tell; connects, and again whenever the connection is lost."""
        self._following = asyncio.create_task(self._follow(hearing), name="notices")

    def follow(self, listener_id: str) -> None:
        """Tell of this listener too; the listener is noticed once as soon as nothing can be missed any more."""
        self._wanted.add(listener_id)
        self._changed.set()

    def unfollow(self, listener_id: str) -> None:
        """Tell no more of this listener."""
        self._wanted.discard(listener_id)
        self._changed.set()

    async def _follow(self, hearing: Hearing) -> None:
        pause_s = SHORTEST_PAUSE_S
        while True:
            line = _Line(hearing, self._wanted, self._changed)
            try:
                await line.hold(self._link, self._timeout_s)
            except* (exceptions.RedisError, OSError) as failures:
                failure = failures.exceptions[0]
                log.warning("notices_lost", reason=str(refusal(failure) or failure))
            if line.found:
                pause_s = SHORTEST_PAUSE_S
                hearing.lost()
            # Not all workers at once, and ever more slowly where it is of no use.
            await asyncio.sleep(_chance.uniform(pause_s / 2, pause_s))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class _Line:
    """One connection from its beginning to its end. `found` tells whether the server took the subscription."""

    def __init__(self, hearing: Hearing, wanted: set[str], changed: asyncio.Event) -> None:
        self._hearing = hearing
        self._wanted = wanted
        self._changed = changed
        self.found = False

    async def hold(self, link: Link, timeout_s: float) -> None:
        """Connect to some node and pass on what it says, until the connection fails; raise how it failed."""
        async with asyncio.timeout(timeout_s):
            server = _chance.choice(await link.masters())
        async with server.line() as connection, asyncio.TaskGroup() as both:
            both.create_task(self._ask(connection))
            both.create_task(self._read(connection))

    async def _ask(self, connection: Any) -> None:
        """Keep what the server was asked for equal to what is wanted."""
        await _say(connection, "SUBSCRIBE", LIVE_CHANNEL)
        asked: set[str] = set()
        while True:
            self._changed.clear()
            begun, ended = self._wanted - asked, asked - self._wanted
            asked = set(self._wanted)
            if begun:
                await _say(connection, "SUBSCRIBE", *map(session_key, begun))
            if ended:
                await _say(connection, "UNSUBSCRIBE", *map(session_key, ended))
            await self._changed.wait()

    async def _read(self, connection: Any) -> None:
        was_silent = False
        while True:
            reply = await connection.read_response(disable_decoding=True, timeout=SILENCE_S)
            if reply is None:
                if was_silent:
                    raise exceptions.TimeoutError("The server that passes notices on does not answer.")
                await _say(connection, "PING")
            else:
                self._take(reply)
            was_silent = reply is None

    def _take(self, reply: Any) -> None:
        match reply:
            case [b"message", channel, b""]:
                self._hearing.forgotten(listener_of(channel))
            case [b"message", channel, position]:
                with suppress(ValueError):  # somebody else's message
                    self._hearing.noticed(listener_of(channel), seq_of(position))
            case [b"subscribe", channel, _] if channel == LIVE_CHANNEL:
                self.found = True
                self._hearing.found()
            case [b"subscribe", channel, _]:
                self._hearing.noticed(listener_of(channel), None)


async def _say(connection: Any, *command: str | bytes) -> None:
    await connection.send_command(*command, check_health=False)
    # On the way lies `asyncio.wait_for`, which up to Python 3.11 may swallow a cancellation.
    this = asyncio.current_task()
    if this is not None and this.cancelling():
        raise asyncio.CancelledError
