"""One Redis or Valkey server: commands go out in one round trip, a bounded number of callers at a time.

Knows nothing of what the commands are about.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf
from time import monotonic
from typing import Any, Protocol

from hiredis import pack_command
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.sentinel import SentinelConnectionPool

from app.stores.together import Command, Together

# Each round trip uses a connection; more callers than this wait their turn instead of being refused.
TURNS = 64
# A caller who leaves sooner was not kept waiting: a listener hung up, or another node of a cluster was faster.
DOUBT_AFTER_S = 0.1


class Link(Protocol):
    """What the session store needs of a server or a cluster."""

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Return the reply to each command; a refusal is returned as the exception it is."""

    async def masters(self) -> "Sequence[Server]":
        """Return the servers that hold the keys, to ask each of them something."""

    async def aclose(self) -> None:
        """Close every connection; a later command opens them again."""


class Server:
    """One server, reached through a pool of connections; behind Sentinels, whichever is master now."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._turns = asyncio.Semaphore(TURNS)
        self._together = Together(self._round_trip)

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies of one round trip, shared with who asks just then; raise what befell the connection."""
        return await self._together.send(commands)

    async def _round_trip(self, commands: Sequence[Command]) -> list[Any]:
        async with self._turns:
            began = monotonic()
            try:
                return await self._replies(commands)
            except RuntimeError as error:
                # What uvloop raises where asyncio's own loop has an OSError: the connection was reset between two
                # writes. Anything else is a mistake.
                if "closed" not in str(error):
                    raise
                raise exceptions.ConnectionError(f"The connection was reset: {error}") from error
            except (asyncio.CancelledError, exceptions.TimeoutError):
                if monotonic() - began > DOUBT_AFTER_S:
                    await self._distrust()
                raise

    async def masters(self) -> "Sequence[Server]":
        """Return this one."""
        return [self]

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Any]:
        """Lend a connection of the caller's own, closed at the end: for what is not one command and its reply."""
        pool: Any = self._client.connection_pool
        connection = await pool.get_connection()
        try:
            yield connection
        finally:
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def aclose(self) -> None:
        """Close every connection, those to the Sentinels included."""
        pool = self._client.connection_pool
        await self._client.aclose()
        if isinstance(pool, SentinelConnectionPool):
            await pool.disconnect()
            for sentinel in pool.sentinel_manager.sentinels:
                await sentinel.aclose()

    async def _replies(self, commands: Sequence[Command]) -> list[Any]:
        pool: Any = self._client.connection_pool
        connection = await pool.get_connection()
        packed = [pack_command(command) for command in commands]  # type: ignore[arg-type]  # several of each kind
        try:
            replies: list[Any] = await connection.retry.call_with_retry(
                lambda: _answers(connection, packed), lambda _: connection.disconnect()
            )
        finally:
            await pool.release(connection)
        for place, reply in enumerate(replies):
            # The name or the Sentinels may point to another master by now: a single command connects anew.
            if isinstance(reply, exceptions.ReadOnlyError):
                replies[place] = await self._single(commands[place])
        return replies

    async def _distrust(self) -> None:
        """Close the idle connections after one was waited for in vain: most likely they lead nowhere, too.

        A firewall that forgot them tells nobody. Each would otherwise cost one more caller the whole wait, the last
        of them days later.
        """
        # Without waiting, and so before any other caller can take one of them: the pool's own `disconnect` yields.
        for connection in tuple(self._client.connection_pool._available_connections):
            await connection.disconnect(nowait=True)

    async def _single(self, command: Command) -> Any:
        client: Any = self._client
        try:
            return await client.execute_command(*command)
        except exceptions.ResponseError as refusal:
            return refusal


async def _answers(connection: Any, packed: Sequence[bytes]) -> list[Any]:
    """Send packed commands and return their replies: redis-py's own pipeline costs 80 us more for each command."""
    await connection.send_packed_command(b"".join(packed))
    replies: list[Any] = []
    for _ in packed:
        try:
            # Whoever calls bounds the whole; a clock for each reply would cost more than the reply.
            replies.append(await connection.read_response(timeout=inf))
        except exceptions.ResponseError as refusal:
            replies.append(refusal)
    return replies
