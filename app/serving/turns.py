"""Who changes one listener's session takes turns within a worker, so that they do not race each other for the commit.

Correctness never rests on this: the store's compare-and-set decides. It only saves lost walks. So nobody waits for
long: while the session store hangs, the waits of a listener's requests would otherwise add up.
"""

import asyncio
from dataclasses import dataclass
from types import TracebackType

# A turn is a few milliseconds; who waits for this long is behind one that hangs.
PATIENCE_S = 1.0


@dataclass(slots=True)
class _Place:
    """A name's lock, and how many hold or await it."""

    lock: asyncio.Lock
    users: int = 0


class Turns:
    """A lock per name that exists only while somebody holds or awaits it."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._places: dict[str, _Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def of(self, name: str) -> "Turn":
        """Wait for this name's turn, first come, first served; go on without it after `patience_s`."""
        return Turn(self, name)

    def enter(self, name: str) -> _Place:
        """Return the place of a name, to be left again."""
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = _Place(asyncio.Lock())
        place.users += 1
        return place

    def leave(self, name: str, place: _Place) -> None:
        """Drop the place with its last user."""
        place.users -= 1
        if not place.users:
            del self._places[name]

    async def acquired(self, lock: asyncio.Lock) -> bool:
        """Tell whether it is this one's turn, or only patience that ended."""
        if not lock.locked():
            return await lock.acquire()  # nearly always: nobody else is at this listener, and no clock is needed
        try:
            async with asyncio.timeout(self._patience_s):
                return await lock.acquire()
        except TimeoutError:
            return False


class Turn:
    """One turn, from when it is asked for to when it is over."""

    __slots__ = ("_held", "_name", "_place", "_turns")

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns = turns
        self._name = name
        self._held = False

    async def __aenter__(self) -> None:
        self._place = self._turns.enter(self._name)
        try:
            self._held = await self._turns.acquired(self._place.lock)
        except BaseException:
            self._turns.leave(self._name, self._place)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._place.lock.release()
        self._turns.leave(self._name, self._place)
