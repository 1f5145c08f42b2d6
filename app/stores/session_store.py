"""Listener sessions in Redis or Valkey: one key per listener, changed only by compare-and-set.

What goes wrong with the server is `SessionStoreUnavailable` (`exchange.py`). A commit names the session it was made
from; the server stores it only if that very one, by incarnation and seq, is still there, and writes its entries of the
event log in the same step. So of two commits made from one session exactly one wins, what is deleted stays deleted,
and the log holds what the session took in, once:

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

import logging
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from app.domain.event_log import Forgotten, LogEntry, Merged
from app.domain.session import ListenerSession
from app.errors import SessionConflict, SessionStoreUnavailable
from app.stores import event_record, scripts
from app.stores.exchange import Exchange, checked, is_of_another_type
from app.stores.keys import DAMAGED_TTL_S, LANES, damaged_key, events_key, lane_of, session_key
from app.stores.record_memory import RecordMemory
from app.stores.session_record import POSITION, DamagedRecord, decode, encode, position, seq_of

logger = logging.getLogger(__name__)

# (new, expected, entries of the event log)
Commit = tuple[ListenerSession, ListenerSession, Sequence[LogEntry]]

WAITING_EVENTS = 1_000_000


class SessionStore:
    """Loads and commits listener sessions; may be shared by every task of one event loop.

    `waiting_events` is how many entries of the event log may wait to be collected, all listeners together; the oldest
    make room. `damaged_records` counts the records that could not be read since the start.
    """

    def __init__(self, exchange: Exchange, *, ttl_s: int, waiting_events: int = WAITING_EVENTS) -> None:
        self._exchange = exchange
        self._ttl_s = ttl_s
        self._lane_length = max(1, waiting_events // LANES)
        self._written = RecordMemory()
        self.damaged_records = 0

    @classmethod
    def connect(cls, url: str, *, ttl_s: int, timeout_s: float, waiting_events: int = WAITING_EVENTS) -> "SessionStore":
        """Return the store at a URL (`connection.py` lists the kinds); it connects at its first call.

        `timeout_s` bounds a whole call, waiting for a connection included.
        """
        return cls(Exchange.connect(url, timeout_s=timeout_s), ttl_s=ttl_s, waiting_events=waiting_events)

    async def load(self, listener_id: str) -> ListenerSession:
        """Return a listener's session, a new one with seq 0 when none is stored."""
        return (await self.load_many([listener_id]))[0]

    async def load_many(self, listener_ids: Sequence[str]) -> list[ListenerSession]:
        """Return the sessions of many listeners, in their order, in one round trip.

        Raise `NewerSessionRecord` when a newer Segue wrote one of them.
        """
        replies = await self._exchange.send([("GET", session_key(listener_id)) for listener_id in listener_ids])
        return [
            ListenerSession(listener_id) if reply is None else await self._read(listener_id, reply)
            for listener_id, reply in zip(listener_ids, replies, strict=True)
        ]

    async def seqs(self, listener_ids: Sequence[str]) -> list[int | None]:
        """Return how far each listener's session is, 0 where none is stored, None where that cannot be read."""
        span = (POSITION.start, POSITION.stop - 1)
        replies = await self._exchange.send([("GETRANGE", session_key(name), *span) for name in listener_ids])
        return [_seq(reply) for reply in replies]

    async def commit(
        self, session: ListenerSession, *, expected: ListenerSession, entries: Sequence[LogEntry] = ()
    ) -> None:
        """Store a session made from `expected`; raise `SessionConflict` when that is no longer what is stored.

        The entries are appended to the event log in the same step, or not at all.

        Every change of what is remembered raises seq; a session of the same seq may differ from `expected` in its
        hidden state only, which is a cache. After `SessionStoreUnavailable` the session may have been stored all
        the same. To send the event again is safe: its id is remembered.
        """
        if not (await self.commit_many([(session, expected, entries)]))[0]:
            raise _conflict(expected)

    async def commit_many(self, commits: Sequence[Commit]) -> list[bool]:
        """Store many sessions with their entries in one round trip; tell which of them were stored."""
        records = [encode(new) for new, _, _ in commits]
        replies = await self._exchange.run(
            scripts.COMMIT,
            [
                (
                    *(2, session_key(new.listener_id), events_key(lane_of(new.listener_id))),
                    *(position(expected), record, self._ttl_s, self._lane_length),
                    *map(event_record.encode, entries),
                )
                for (new, expected, entries), record in zip(commits, records, strict=True)
            ],
        )
        for (new, _, _), record in zip(commits, records, strict=True):
            self._written.note(new, record)
        return [_logged(new.listener_id, reply) == 1 for (new, _, _), reply in zip(commits, replies, strict=True)]

    async def delete(
        self, listener_id: str, *, expected: ListenerSession | None = None, merged_into: str | None = None
    ) -> bool:
        """Forget a listener; tell whether anything was stored. Commits made from what was stored will be refused.

        With `expected`, raise `SessionConflict` and forget nothing when that is no longer what is stored.

        A mark in the event log says so in the same step, also where nothing is stored any more: the log may know the
        listener for longer. With `merged_into` the mark says that this listener's entries are the other's from now on.
        """
        mark = Forgotten.listener(listener_id) if merged_into is None else Merged(listener_id, merged_into)
        keys = (session_key(listener_id), damaged_key(listener_id), events_key(lane_of(listener_id)))
        only = () if expected is None else (position(expected),)
        [reply] = await self._exchange.run(
            scripts.DELETE, [(len(keys), *keys, self._lane_length, event_record.encode(mark), *only)]
        )
        deleted = _logged(listener_id, reply)
        self._written.forget(listener_id)
        if expected is not None and deleted < 0:
            raise _conflict(expected)
        return bool(deleted > 0)

    async def ping(self) -> None:
        """Raise `SessionStoreUnavailable` unless the store answers; of a cluster, some node."""
        checked((await self._exchange.send([("PING",)]))[0])

    async def aclose(self) -> None:
        """Close every connection. The store opens them again if it is used again."""
        await self._exchange.aclose()

    async def _read(self, listener_id: str, reply: Any) -> ListenerSession:
        """Return the session in a reply to GET, a new one where it cannot be read: a listener is served anyway."""
        wrong_type = is_of_another_type(reply)
        try:
            if wrong_type:
                raise DamagedRecord("the key holds a value of another type")
            record = checked(reply)
            return self._written.session_of(listener_id, record) or decode(listener_id, record)
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
        checked((await self._exchange.run(scripts.SET_ASIDE, [aside]))[0])
        return ListenerSession(listener_id)


def _seq(reply: Any) -> int | None:
    if reply == b"":
        return 0
    try:
        return seq_of(checked(reply))
    except (ValueError, ResponseError):
        return None


def _conflict(expected: ListenerSession) -> SessionConflict:
    return SessionConflict(
        f"Expected the session of {expected.listener_id!r} at seq {expected.seq}, but it has changed or gone. "
        "Load it and apply the change again."
    )


def _logged(listener_id: str, reply: Any) -> Any:
    """Return the reply of a script that writes into the event log of a listener's lane."""
    if is_of_another_type(reply):
        log = events_key(lane_of(listener_id)).decode()
        raise SessionStoreUnavailable(
            f"Expected the event log at the key {log!r}, but somebody put a value of another type there. Rename or "
            "delete that key; until then nothing of this lane's listeners is taken in.",
            retry_after_s=5,
        ) from reply
    return checked(reply)
