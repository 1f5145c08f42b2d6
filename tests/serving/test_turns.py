"""One listener's requests take turns; others do not wait."""

import asyncio

import pytest

from app.serving.turns import Turns

pytestmark = pytest.mark.anyio


async def test_one_name_takes_turns_in_the_order_of_asking() -> None:
    """Nobody overtakes and nobody overlaps."""
    turns = Turns()
    order: list[str] = []

    async def take(number: int) -> None:
        async with turns.of("ann"):
            order.append(f"in {number}")
            await asyncio.sleep(0)
            order.append(f"out {number}")

    await asyncio.gather(*(take(number) for number in range(3)))
    assert order == ["in 0", "out 0", "in 1", "out 1", "in 2", "out 2"]


async def test_other_names_do_not_wait() -> None:
    """A slow listener holds up nobody else."""
    turns = Turns()
    async with turns.of("ann"), asyncio.timeout(1), turns.of("bob"):
        assert len(turns) == 2


async def test_nothing_is_kept_after_the_last_turn() -> None:
    """Also a turn that was given up while waiting leaves nothing behind."""
    turns = Turns()
    async with turns.of("ann"):
        waiting = asyncio.create_task(turns.of("ann").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert len(turns) == 0


async def test_who_waited_too_long_goes_on_without_a_turn() -> None:
    """A turn that hangs holds nobody up for longer than the patience, and takes nothing from those who left it."""
    turns = Turns(patience_s=0.01)
    async with turns.of("ann"):
        async with asyncio.timeout(1), turns.of("ann"), turns.of("ann"):
            assert len(turns) == 1
        assert len(turns) == 1
    assert len(turns) == 0
