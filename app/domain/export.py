"""All that is held of one listener. Knows nothing of where it is held or how it is written."""

from dataclasses import dataclass

from app.domain.event_log import LogEntry
from app.domain.session import ListenerSession


@dataclass(frozen=True, slots=True)
class ListenerExport:
    """A listener's session, a new one where none is stored, and what the event log holds, in the order of logging."""

    session: ListenerSession
    entries: tuple[LogEntry, ...]
    at: float
