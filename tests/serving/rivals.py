"""A real session store beside others who change the same listener first."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from app.domain.event_log import LogEntry
from app.domain.session import ListenerSession
from app.stores.session_store import SessionStore


class RivalledStore(SessionStore, ABC):
    """The real store, beside somebody who is faster `rivals` times in a row."""

    rivals = 0

    @abstractmethod
    def faster(self, expected: ListenerSession) -> ListenerSession:
        """Return what the other commits before we do."""

    async def commit(
        self, session: ListenerSession, *, expected: ListenerSession, entries: Sequence[LogEntry] = ()
    ) -> None:
        if self.rivals:
            self.rivals -= 1
            await super().commit(self.faster(expected), expected=expected)
        await super().commit(session, expected=expected, entries=entries)
