"""The records that one worker wrote last, each beside the session it was made from.

A record that comes back from the server byte for byte as it was written holds that very session and need not be
decoded. Whatever changed it meanwhile, another worker or a merge, changed its bytes: nothing here can be out of date.
Knows nothing of how a record is made.
"""

from app.domain.session import ListenerSession

REMEMBERED = 1 << 11
"""Listeners of a worker: 29 MB where all sessions are full, for 58 % of the requests of 100,000 by Zipf's law."""


class RecordMemory:
    """Remembers the newest record of at most `most` listeners; who was heard least lately makes room."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        # In the order in which they were written.
        self._written: dict[str, tuple[bytes, ListenerSession]] = {}

    def __len__(self) -> int:
        return len(self._written)

    def note(self, session: ListenerSession, record: bytes) -> None:
        """Remember a record in place of the one before of its listener."""
        self._written.pop(session.listener_id, None)
        self._written[session.listener_id] = record, session
        if len(self._written) > self._most:
            del self._written[next(iter(self._written))]

    def forget(self, listener_id: str) -> None:
        """Remember nothing more of a listener."""
        self._written.pop(listener_id, None)

    def session_of(self, listener_id: str, record: bytes) -> ListenerSession | None:
        """Return the session of a record, None where it is not the one that was written last."""
        written = self._written.get(listener_id)
        return written[1] if written is not None and written[0] == record else None
