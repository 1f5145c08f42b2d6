"""A held-up event loop is noticed."""

import asyncio
import time

import pytest

from app.web.lag import watching_lag

pytestmark = pytest.mark.anyio


async def test_what_holds_the_loop_up_is_told() -> None:
    told: list[float] = []
    async with watching_lag(told.append, 0.005):
        await asyncio.sleep(0.02)
        asyncio.get_running_loop().call_soon(time.sleep, 0.1)
        await asyncio.sleep(0.12)
    assert max(told) >= 0.08
    after = len(told)
    await asyncio.sleep(0.02)
    assert len(told) == after
