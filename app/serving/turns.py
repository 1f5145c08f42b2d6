"""One listener's requests take turns within a worker, so that they do not race each other for the commit.

Correctness never rests on this: the store's compare-and-set decides. It only saves lost walks. So nobody waits for
long: while the session store hangs, the waits of a listener's requests would otherwise add up.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# A turn is a few milliseconds; who waits for this long is behind one that hangs.
PATIENCE_S = 1.0


class Turns:
    """A lock per name that exists only while somebody holds or awaits it."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait for this name's turn, first come, first served; go on without it after `patience_s`."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._users[name] = self._users.get(name, 0) + 1
        try:
            held = await self._acquired(lock)
            try:
                yield
            finally:
                if held:
                    lock.release()
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]

    async def _acquired(self, lock: asyncio.Lock) -> bool:
        try:
            async with asyncio.timeout(self._patience_s):
                return await lock.acquire()
        except TimeoutError:
            return False
