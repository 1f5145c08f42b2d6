"""A second screen: shows what comes next for a listener, whoever reports what is played.

python examples/now_playing.py web-radio
"""

import asyncio
import os
import sys

from segue_client import AsyncSegue, Recommendation

URL = os.environ.get("SEGUE_URL", "http://127.0.0.1:8000")


async def show(listener_id: str) -> None:
    """Print the next three tracks whenever they change, until the listener is forgotten."""
    async with AsyncSegue(URL) as segue:
        async for told in segue.listener(listener_id).stream(n=3):
            if isinstance(told, Recommendation):
                print(" | ".join(track.label for track in told.tracks), *told.degraded, flush=True)


asyncio.run(show(sys.argv[1] if len(sys.argv) > 1 else "web-radio"))
