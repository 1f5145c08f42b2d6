"""How late the event loop is: what holds it up, holds up everybody. Knows nothing of what that was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

INTERVAL_S = 0.25


@asynccontextmanager
async def watching_lag(lagged: Callable[[float], None], interval_s: float = INTERVAL_S) -> AsyncIterator[None]:
    """Tell `lagged`, again and again, by how many seconds a timer of this event loop went off too late."""
    watching = asyncio.create_task(_watch(lagged, interval_s), name="lag")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(lagged: Callable[[float], None], interval_s: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + interval_s
        await asyncio.sleep(interval_s)
        lagged(max(0.0, loop.time() - due))
