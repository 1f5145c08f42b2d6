"""Who asks at the same time shares a round trip, and nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from app.stores.together import Command, Together

pytestmark = pytest.mark.anyio


class Echo:
    """Answers every command with itself; notes each trip, and may be held up."""

    def __init__(self) -> None:
        self.trips: list[list[Command]] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.given_up = 0

    async def __call__(self, commands: Sequence[Command]) -> list[Any]:
        self.trips.append(list(commands))
        try:
            await self.goes_on.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return list(commands)


async def test_who_asks_at_once_shares_a_trip_and_has_the_own_replies() -> None:
    echo = Echo()
    together = Together(echo)
    asked: list[list[Command]] = [[("GET", number)] * (number % 3) for number in range(10)]
    assert await asyncio.gather(*(together.send(commands) for commands in asked)) == asked
    assert len(echo.trips) == 1
    assert await together.send([("PING",)]) == [("PING",)]
    assert len(echo.trips) == 2


async def test_a_failure_is_that_of_all_aboard_and_of_nobody_later() -> None:
    async def lost(commands: Sequence[Command]) -> list[Any]:
        if ("fail",) in commands:
            raise ConnectionResetError
        return list(commands)

    together = Together(lost)
    answers = await asyncio.gather(together.send([("fail",)]), together.send([("GET", 1)]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionResetError] * 2
    assert await together.send([("GET", 2)]) == [("GET", 2)]


async def test_one_who_leaves_takes_nothing_from_the_others() -> None:
    echo = Echo()
    echo.goes_on.clear()
    together = Together(echo)
    leaves, stays = (asyncio.create_task(together.send([("GET", number)])) for number in range(2))
    await asyncio.sleep(0.01)
    leaves.cancel()
    await asyncio.sleep(0.01)
    echo.goes_on.set()
    assert await stays == [("GET", 1)]
    assert leaves.cancelled()
    assert not echo.given_up


async def test_a_trip_that_everybody_left_is_given_up() -> None:
    echo = Echo()
    echo.goes_on.clear()
    together = Together(echo)
    leaving = [asyncio.create_task(together.send([("GET", number)])) for number in range(2)]
    await asyncio.sleep(0.01)
    for one in leaving:
        one.cancel()
    await asyncio.sleep(0.01)
    assert echo.given_up == 1


async def test_a_trip_that_everybody_left_before_it_began_is_not_made() -> None:
    echo = Echo()
    together = Together(echo)
    gone = asyncio.create_task(together.send([("GET", 1)]))
    asyncio.get_running_loop().call_soon(gone.cancel)
    await asyncio.sleep(0.01)
    assert gone.cancelled()
    assert len(echo.trips) <= 1
