"""One exchange with the server: commands out, replies back, within a time. The border to the outside.

What goes wrong with the server becomes `SessionStoreUnavailable` here and nowhere else. Knows nothing of what the
commands are about.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from redis import exceptions

from app.errors import SessionStoreUnavailable
from app.stores.connection import connect
from app.stores.refusals import refusal
from app.stores.scripts import Script
from app.stores.server import Link
from app.stores.together import Command

_T = TypeVar("_T")


class Exchange:
    """Sends commands and scripts; `timeout_s` bounds a whole call, waiting for a connection included."""

    def __init__(self, link: Link, *, timeout_s: float) -> None:
        self._link = link
        self._timeout_s = timeout_s

    @classmethod
    def connect(cls, url: str, *, timeout_s: float) -> "Exchange":
        """Return the exchange with the server at a URL (`connection.py` lists the kinds), not connected yet."""
        return cls(connect(url, timeout_s), timeout_s=timeout_s)

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to commands, an exception where one was refused for what it asks."""
        return _all_served(await self.answers(commands))

    async def answers(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to commands; where a server could not serve, the outage stands in the reply's place.

        Of a cluster some nodes may answer and others not. Raise the outage when nobody can be asked.
        """
        if not commands:
            return []
        replies = await self._in_time(self._link.send(commands))
        return [_in_our_words(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def masters(self) -> "list[Exchange]":
        """Return an exchange with every server that holds keys; they are closed with this one."""
        servers = await self._in_time(self._link.masters())
        return [Exchange(server, timeout_s=self._timeout_s) for server in servers]

    async def run(self, script: Script, commands: Sequence[Command]) -> list[Any]:
        """Run a script once for each tuple of key count, keys and arguments; return the replies as `send` does."""
        return _all_served(await self.run_each(script, commands))

    async def run_each(self, script: Script, commands: Sequence[Command]) -> list[Any]:
        """Run a script as `run` does; return the replies as `answers` does.

        A server that does not know it (restarted, SCRIPT FLUSH, a new node) is sent the source: EVAL, unlike
        SCRIPT LOAD, goes to the node that has the key, in the same pipeline.
        """
        replies = await self.answers([("EVALSHA", script.sha, *command) for command in commands])
        unknown = [place for place, reply in enumerate(replies) if isinstance(reply, exceptions.NoScriptError)]
        if unknown:
            again = await self.answers([("EVAL", script.source, *commands[place]) for place in unknown])
            for place, reply in zip(unknown, again, strict=True):
                replies[place] = reply
        return replies

    async def aclose(self) -> None:
        """Close every connection; a later command opens them again."""
        await self._link.aclose()

    async def _in_time(self, asked: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asked
        except (OSError, exceptions.RedisError) as error:
            unavailable = refusal(error)
            if unavailable is None:
                raise
            raise unavailable from error


def _all_served(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, SessionStoreUnavailable):
            raise reply
    return replies


def _in_our_words(reply: Exception) -> Exception:
    outage = refusal(reply)
    if outage is not None:
        outage.__cause__ = reply
    return reply if outage is None else outage


def checked(reply: Any) -> Any:
    """Return a reply; raise it if it is an error nobody expected: a mistake of ours, not of the server."""
    if isinstance(reply, Exception):
        raise reply
    return reply


def is_of_another_type(reply: Any) -> bool:
    """Tell whether a command was refused because the key holds a value of another type than Segue put there."""
    return isinstance(reply, exceptions.ResponseError) and str(reply).startswith("WRONGTYPE")
