"""Answers kept for a while under the name a caller gave the request, so that asking again gets the same bytes.

One key per name (`keys.py`) holds a mark of the request, and then either `?` and a nonce of whoever is answering it, or
`!` and the answer. Whom it speaks of is noted before it is answered, and it is kept only while its name is still taken:
so whoever forgets a listener takes the names away, and an answer that comes later finds none. Knows nothing of HTTP,
and not what an answer says.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from time import time

from app.stores.exchange import Exchange, checked
from app.stores.keys import answer_key, answers_of_key
from app.stores.together import Command

_MARK_SIZE = 16
_BEGUN, _ANSWERED = b"?", b"!"

# Longer than any request is worked on: a worker that was killed at it must not keep the caller waiting.
BEGUN_MS = 15_000


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept under a name: whether for this very request, and its answer once there is one."""

    is_same: bool
    answer: bytes | None


class KeptAnswers:
    """Keeps answers for `kept_s` seconds; shared by all workers through the session store."""

    def __init__(self, exchange: Exchange, *, kept_s: int) -> None:
        self._exchange = exchange
        self._kept_ms = kept_s * 1000

    async def begin(self, name: bytes, request: bytes, listeners: Collection[str]) -> Held | None:
        """Take a name for a request that speaks of these listeners; return what is held under it already, if anything.

        Raises SessionStoreUnavailable.
        """
        begun = _mark(request) + _BEGUN + secrets.token_bytes(8)
        notes = [note for listener_id in listeners for note in self._noting(listener_id, name)]
        taking = ("SET", answer_key(name), begun, "NX", "GET", "PX", BEGUN_MS)
        *noted, taken = await self._exchange.send([*notes, taking])
        for reply in noted:
            checked(reply)
        held: bytes | None = checked(taken)
        if held is None or held == begun:  # the second: a reply was lost, and the command sent again
            return None
        is_same, state = held.startswith(_mark(request)), held[_MARK_SIZE : _MARK_SIZE + 1]
        return Held(is_same, held[_MARK_SIZE + 1 :] if state == _ANSWERED else None)

    async def keep(self, name: bytes, request: bytes, answer: bytes) -> None:
        """Keep the answer to a request, unless its name was taken away. Raises SessionStoreUnavailable."""
        kept = _mark(request) + _ANSWERED + answer
        [done] = await self._exchange.send([("SET", answer_key(name), kept, "XX", "PX", self._kept_ms)])
        checked(done)

    async def let_go(self, name: bytes) -> None:
        """Give a name back whose request came to nothing. Raises SessionStoreUnavailable."""
        [done] = await self._exchange.send([("DEL", answer_key(name))])
        checked(done)

    async def forget(self, listener_id: str) -> None:
        """Take away every answer that speaks of a listener. Raises SessionStoreUnavailable."""
        noted = answers_of_key(listener_id)
        [names] = await self._exchange.send([("ZRANGE", noted, 0, -1)])
        # The note goes last: whoever is interrupted before it finds the same names again.
        keys = [*map(answer_key, checked(names)), noted]
        for deleted in await self._exchange.send([("DEL", key) for key in keys]):
            checked(deleted)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._exchange.aclose()

    def _noting(self, listener_id: str, name: bytes) -> tuple[Command, ...]:
        noted, now_ms = answers_of_key(listener_id), int(time() * 1000)
        return (
            ("ZADD", noted, now_ms, name),
            ("ZREMRANGEBYSCORE", noted, 0, now_ms - self._kept_ms - BEGUN_MS),
            ("PEXPIRE", noted, self._kept_ms + BEGUN_MS),
        )


def _mark(request: bytes) -> bytes:
    return blake2b(request, digest_size=_MARK_SIZE).digest()
