"""What all listeners together take in the session store, for operators. Knows nothing of single listeners."""

from app.stores.exchange import Exchange
from app.stores.state_stats import StateStats, look


class StoredState:
    """Looks at the session store as `segue state stats` does."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def look(self, sample: int) -> StateStats:
        """Count listeners and measure about `sample` of them; raise SessionStoreUnavailable."""
        return await look(self._exchange, sample)

    async def aclose(self) -> None:
        """Let go of the server."""
        await self._exchange.aclose()
