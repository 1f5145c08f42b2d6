"""Callers who ask one server in the same turn of the event loop share a round trip. Knows nothing of what they ask.

Each has the replies to its own commands. What befalls the connection befalls all who share the trip; one who leaves
takes nothing from the others, and when all have left the trip is given up.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

Command = tuple[str | bytes | int, ...]
RoundTrip = Callable[[Sequence[Command]], Coroutine[Any, Any, list[Any]]]


class Together:
    """Takes commands along until the event loop has run what is ready, then makes one round trip with all of them."""

    def __init__(self, round_trip: RoundTrip) -> None:
        self._round_trip = round_trip
        self._boarding: _Trip | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Return the reply to each command; raise what went wrong on the way."""
        if self._boarding is None:
            self._boarding = _Trip()
            asyncio.get_running_loop().call_soon(self._depart)
        return await self._boarding.replies(commands)

    def _depart(self) -> None:
        trip, self._boarding = self._boarding, None
        if trip is not None and trip.aboard:
            trip.task = asyncio.create_task(trip.make(self._round_trip))
            self._under_way.add(trip.task)
            trip.task.add_done_callback(self._under_way.discard)


class _Trip:
    """One round trip and who waits for it."""

    def __init__(self) -> None:
        self.aboard = 0
        self.task: asyncio.Task[None] | None = None
        self._commands: list[Command] = []
        self._waiting: list[tuple[asyncio.Future[list[Any]], int, int]] = []

    async def replies(self, commands: Sequence[Command]) -> list[Any]:
        """Take commands along and return their replies."""
        waiting: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        begin = len(self._commands)
        self._commands += commands
        self._waiting.append((waiting, begin, len(self._commands)))
        self.aboard += 1
        try:
            return await waiting
        finally:
            self.aboard -= 1
            if self.task is not None and not self.aboard:
                self.task.cancel()  # nothing happens to a trip that is over

    async def make(self, round_trip: RoundTrip) -> None:
        """Send all commands at once and hand out the replies."""
        try:
            answers = await round_trip(self._commands)
        except asyncio.CancelledError:
            for waiting, _, _ in self._waiting:
                waiting.cancel()
            raise
        except Exception as failure:  # whatever it was belongs to those who share the trip
            for waiting, _, _ in self._waiting:
                if not waiting.done():
                    waiting.set_exception(failure)
            return
        for waiting, begin, end in self._waiting:
            if not waiting.done():
                waiting.set_result(answers[begin:end])
