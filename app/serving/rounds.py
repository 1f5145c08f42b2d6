"""Goes round the listeners whose streams are open, in case a notice of one was lost on its way.

Pub/sub delivers at most once: a master may die between storing and telling, and the worker's own connection, to another
node, notices nothing. Knows nothing of rankings.
"""

import asyncio
from contextlib import suppress
from itertools import islice
from typing import Self

from app.errors import SessionStoreUnavailable
from app.serving.live import Live
from app.stores.session_store import SessionStore

# For so long a stream may be behind after a notice was lost, on top of what ranking takes.
ROUND_S = 10.0
# So many listeners are asked for in one round trip: some milliseconds of the event loop.
AT_ONCE = 500


class Rounds:
    """Tells streams where their listeners are, every `interval_s` seconds. Use it as an async context manager."""

    def __init__(self, live: Live, sessions: SessionStore, *, interval_s: float = ROUND_S) -> None:
        self._live = live
        self._sessions = sessions
        self._interval_s = interval_s
        self._going: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._going = asyncio.create_task(self._go_on(), name="stream-rounds")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._going is not None:
            self._going.cancel()
            await asyncio.gather(self._going, return_exceptions=True)

    async def go(self) -> None:
        """Go round once: a stream that was told the newest does nothing. Raises SessionStoreUnavailable."""
        followed = iter(self._live.followed)
        while listener_ids := tuple(islice(followed, AT_ONCE)):
            seqs = await self._sessions.seqs(listener_ids)
            for listener_id, seq in zip(listener_ids, seqs, strict=True):
                self._live.noticed(listener_id, seq)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            with suppress(SessionStoreUnavailable):  # streams say so by themselves
                await self.go()
