"""Trying again after a lost commit, a bounded number of times.

Only other workers can win a commit against us: within one worker a listener's requests take turns, unless one hangs.
In every round somebody wins, and the pauses grow until a crowd has room.
"""

import asyncio
from collections.abc import AsyncIterator
from random import Random

FIRST_PAUSE_S = 0.005
# Room for some hundred at one listener, at some milliseconds a walk.
LONGEST_PAUSE_S = 1.0
MANY = 64

_chance = Random()


async def tries(count: int) -> AsyncIterator[None]:
    """Yield so many times, with a random pause before each but the first."""
    longest = FIRST_PAUSE_S
    for number in range(count):
        if number:
            await asyncio.sleep(_chance.uniform(0.0, longest))
            longest = min(2 * longest, LONGEST_PAUSE_S)
        yield
