"""What the routes need of the session store as a whole.

Knows nothing of Redis, and of what the other routes need (`doors.py`).
"""

from collections.abc import Sequence
from typing import Protocol


class StoreNode(Protocol):
    """One server, in bytes."""

    @property
    def used_memory(self) -> int:
        """What it takes."""

    @property
    def limit(self) -> int | None:
        """What it may take; None: no limit."""

    @property
    def policy(self) -> str:
        """What it does at its limit."""


class WaitingEvents(Protocol):
    """The part of the event log that waits to be collected."""

    @property
    def entries(self) -> int:
        """How many."""

    @property
    def oldest_s(self) -> float | None:
        """For how long the oldest has waited."""


class Stored(Protocol):
    """What there is."""

    @property
    def listeners(self) -> int:
        """How many sessions."""

    @property
    def counted(self) -> bool:
        """Whether they were counted, not estimated."""

    @property
    def nodes(self) -> Sequence[StoreNode]:
        """The servers that hold them."""

    @property
    def event_log(self) -> WaitingEvents:
        """What waits."""

    def server_bytes(self, share: float) -> int | None:
        """Return how many bytes that share of the listeners takes at most."""


class LookingAtState(Protocol):
    """Looks at the session store."""

    async def look(self, sample: int) -> Stored:
        """Count listeners and measure about `sample` of them; raise SessionStoreUnavailable."""
