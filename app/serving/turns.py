"""One listener's requests take turns within a worker, so that they do not race each other for the commit.

Correctness never rests on this: the store's compare-and-set decides. It only saves lost walks. So nobody waits for
long: while the session store hangs, the waits of a listener's requests would otherwise add up.
"""

import asyncio
from types import TracebackType

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

    def of(self, name: str) -> "_Turn":
        """Wait for this name's turn, first come, first served; go on without it after `patience_s`."""
        return _Turn(self, name)

    def enter(self, name: str) -> asyncio.Lock:
        """Return the lock of a name, to be left again."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
            self._users[name] = 0
        self._users[name] += 1
        return lock

    def leave(self, name: str) -> None:
        """Drop the lock with its last user."""
        self._users[name] -= 1
        if not self._users[name]:
            del self._users[name], self._locks[name]

    async def acquired(self, lock: asyncio.Lock) -> bool:
        """Tell whether it is this one's turn, or only patience that ended."""
        if not lock.locked():
            return await lock.acquire()  # nearly always: nobody else is at this listener, and no clock is needed
        try:
            async with asyncio.timeout(self._patience_s):
                return await lock.acquire()
        except TimeoutError:
            return False


class _Turn:
    """One turn, from when it is asked for to when it is over."""

    __slots__ = ("_held", "_lock", "_name", "_turns")

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns = turns
        self._name = name
        self._held = False

    async def __aenter__(self) -> None:
        self._lock = self._turns.enter(self._name)
        try:
            self._held = await self._turns.acquired(self._lock)
        except BaseException:
            self._turns.leave(self._name)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._lock.release()
        self._turns.leave(self._name)
