"""Listener sessions in Redis or Valkey: one key per listener, changed only by compare-and-set.

This is the border to the outside. What goes wrong with the server becomes `SessionStoreUnavailable` here and nowhere
else. A commit names the session it was made from; the server stores it only if that very one, by incarnation and
seq, is still there. So of two commits made from one session exactly one wins, and what is deleted stays deleted:

- delete, then a commit made before it: its incarnation is gone, `SessionConflict`;
- delete between the load and the first commit of a new listener: the commit stands, as if it had come after;
- two first commits: both expect nothing, the second finds the first, `SessionConflict`;
- expiry between load and commit: as a delete;
- a commit whose reply was lost: the client may send it again, and finds its own record stored. If the listener was
  deleted between the two, the repeat of a first commit stands (it holds one request's events), any other is refused.

Event ids are compared by the domain on what was loaded, which this makes safe: had another walk applied the event
since, the position would differ and this walk would be taken again.

Knows nothing of events, networks or what may be suggested.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from redis import exceptions

from app.domain.session import ListenerSession
from app.errors import SessionConflict
from app.stores import scripts
from app.stores.connection import connect
from app.stores.keys import DAMAGED_TTL_S, damaged_key, session_key
from app.stores.refusals import refusal
from app.stores.scripts import Script
from app.stores.server import Command, Link
from app.stores.session_record import DamagedRecord, decode, encode, position

logger = logging.getLogger(__name__)

Commit = tuple[ListenerSession, ListenerSession]  # (new, expected)


class SessionStore:
    """Loads and commits listener sessions; may be shared by every task of one event loop.

    `timeout_s` bounds a whole call, waiting for a connection included. `damaged_records` counts the records that
    could not be read since the start.
    """

    def __init__(self, link: Link, *, ttl_s: int, timeout_s: float) -> None:
        self._link = link
        self._ttl_s = ttl_s
        self._timeout_s = timeout_s
        self.damaged_records = 0

    @classmethod
    def connect(cls, url: str, *, ttl_s: int, timeout_s: float) -> "SessionStore":
        """Return the store at a URL (`connection.py` lists the kinds); it connects at its first call."""
        return cls(connect(url, timeout_s), ttl_s=ttl_s, timeout_s=timeout_s)

    async def load(self, listener_id: str) -> ListenerSession:
        """Return a listener's session, a new one with seq 0 when none is stored."""
        return (await self.load_many([listener_id]))[0]

    async def load_many(self, listener_ids: Sequence[str]) -> list[ListenerSession]:
        """Return the sessions of many listeners, in their order, in one round trip.

        Raise `NewerSessionRecord` when a newer Segue wrote one of them.
        """
        replies = await self._send([("GET", session_key(listener_id)) for listener_id in listener_ids])
        return [
            ListenerSession(listener_id) if reply is None else await self._read(listener_id, reply)
            for listener_id, reply in zip(listener_ids, replies, strict=True)
        ]

    async def commit(self, session: ListenerSession, *, expected: ListenerSession) -> None:
        """Store a session made from `expected`; raise `SessionConflict` when that is no longer what is stored.

        Every change of what is remembered raises seq; a session of the same seq may differ from `expected` in its
        hidden state only, which is a cache. After `SessionStoreUnavailable` the session may have been stored all
        the same. To send the event again is safe: its id is remembered.
        """
        if not (await self.commit_many([(session, expected)]))[0]:
            raise SessionConflict(
                f"Expected the session of {session.listener_id!r} at seq {expected.seq}, but it has changed or gone. "
                "Load it and apply the event again."
            )

    async def commit_many(self, commits: Sequence[Commit]) -> list[bool]:
        """Store many sessions, given as (new, expected), in one round trip; tell which of them were stored."""
        commands = [
            (1, session_key(new.listener_id), position(expected), encode(new), self._ttl_s) for new, expected in commits
        ]
        replies = await self._run(scripts.COMMIT, commands)
        return [reply == 1 for reply in replies]

    async def delete(self, listener_id: str) -> bool:
        """Forget a listener; tell whether anything was stored. Commits made from what was stored will be refused."""
        [deleted] = await self._send([("DEL", session_key(listener_id), damaged_key(listener_id))])
        return bool(_checked(deleted) > 0)

    async def ping(self) -> None:
        """Raise `SessionStoreUnavailable` unless the store answers; of a cluster, some node."""
        _checked((await self._send([("PING",)]))[0])

    async def aclose(self) -> None:
        """Close every connection. The store opens them again if it is used again."""
        await self._link.aclose()

    async def _read(self, listener_id: str, reply: Any) -> ListenerSession:
        """Return the session in a reply to GET, a new one where it cannot be read: a listener is served anyway."""
        wrong_type = isinstance(reply, exceptions.ResponseError) and str(reply).startswith("WRONGTYPE")
        try:
            if wrong_type:
                raise DamagedRecord("the key holds a value of another type")
            return decode(listener_id, _checked(reply))
        except DamagedRecord as damage:
            self.damaged_records += 1
            logger.error(
                "The stored session of a listener cannot be read: %s. The listener starts anew; what was stored is "
                "kept at %r for %d days.",
                damage,
                damaged_key(listener_id).decode("utf-8", "replace"),
                DAMAGED_TTL_S // 86400,
            )
        held = b"" if wrong_type else reply
        aside = (2, session_key(listener_id), damaged_key(listener_id), held, DAMAGED_TTL_S)
        _checked((await self._run(scripts.SET_ASIDE, [aside]))[0])
        return ListenerSession(listener_id)

    async def _run(self, script: Script, commands: Sequence[Command]) -> list[Any]:
        """Run a script once for each tuple of key count, keys and arguments.

        A server that does not know it (restarted, SCRIPT FLUSH, a new node) is sent the source: EVAL, unlike
        SCRIPT LOAD, goes to the node that has the key, in the same pipeline.
        """
        replies = await self._send([("EVALSHA", script.sha, *command) for command in commands])
        unknown = [place for place, reply in enumerate(replies) if isinstance(reply, exceptions.NoScriptError)]
        if unknown:
            again = await self._send([("EVAL", script.source, *commands[place]) for place in unknown])
            for place, reply in zip(unknown, again, strict=True):
                replies[place] = reply
        return [_checked(reply) for reply in replies]

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to commands, an exception where one was refused for what it asks; the border."""
        if not commands:
            return []
        try:
            async with asyncio.timeout(self._timeout_s):
                replies = await self._link.send(commands)
        except (OSError, exceptions.RedisError) as error:
            unavailable = refusal(error)
            if unavailable is None:
                raise
            raise unavailable from error
        for reply in replies:
            if isinstance(reply, Exception) and (unavailable := refusal(reply)):
                raise unavailable from reply
        return replies


def _checked(reply: Any) -> Any:
    """Return a reply; raise it if it is an error nobody expected: a mistake of ours, not of the server."""
    if isinstance(reply, Exception):
        raise reply
    return reply
