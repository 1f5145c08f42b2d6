"""Answers kept for a while under the name a caller gave the request, so that asking again gets the same bytes.

One key per name (`keys.py`): a mark of the request while it is being answered, then the mark and the answer. Knows
nothing of HTTP, and not what an answer says.
"""

from dataclasses import dataclass
from hashlib import blake2b

from app.stores.exchange import Exchange, checked
from app.stores.keys import answer_key

_MARK_SIZE = 16

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

    async def begin(self, name: bytes, request: bytes) -> Held | None:
        """Take a name for a request; return what is held under it already, if anything.

        Raises SessionStoreUnavailable.
        """
        mark = _mark(request)
        [held] = await self._exchange.send([("SET", answer_key(name), mark, "NX", "GET", "PX", BEGUN_MS)])
        found: bytes | None = checked(held)
        return None if found is None else Held(found[:_MARK_SIZE] == mark, found[_MARK_SIZE:] or None)

    async def keep(self, name: bytes, request: bytes, answer: bytes) -> None:
        """Keep the answer to a request, a byte or more. Raises SessionStoreUnavailable."""
        kept = _mark(request) + answer
        [done] = await self._exchange.send([("SET", answer_key(name), kept, "PX", self._kept_ms)])
        checked(done)

    async def let_go(self, name: bytes) -> None:
        """Give a name back whose request came to nothing. Raises SessionStoreUnavailable."""
        [done] = await self._exchange.send([("DEL", answer_key(name))])
        checked(done)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._exchange.aclose()


def _mark(request: bytes) -> bytes:
    return blake2b(request, digest_size=_MARK_SIZE).digest()
