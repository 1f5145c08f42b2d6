"""Long work in Python beside answers: on a thread that lets the event loop have its turn soon.

Threads share one interpreter lock, and who wants it waits until the other has held it for the switch interval, 5 ms by
itself. A request wants it several times on its way, so that a catalogue that is read beside it held it up by tens of
milliseconds. Knows nothing of what the work is.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# How long the work may hold the lock while somebody wants it. Shorter makes the work slower and no answer faster.
HELD_S = 0.0005
USUAL_S = sys.getswitchinterval()


async def beside_answers(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """Do the work on a thread; return what it returns, raise what it raises.

    Of two at once the first to end ends the short turns: the other goes on with usual ones.
    """
    sys.setswitchinterval(HELD_S)
    try:
        return await asyncio.to_thread(work, *arguments, **named)
    finally:
        sys.setswitchinterval(USUAL_S)
