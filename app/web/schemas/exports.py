"""All that is held of a listener, to take along. Knows nothing of where it is held."""

from base64 import b64encode

from typing_extensions import TypedDict

from app.domain.event_log import LogEntry
from app.domain.events import EventKind, Outcome
from app.domain.export import ListenerExport
from app.domain.session import StampedHidden
from app.web.schemas.fields import rfc_3339
from app.web.schemas.listeners import ListenerAnswer, listener_answer


class HiddenStateAnswer(TypedDict):
    """The stored hidden state, in base64, and the checkpoint that it means something to."""

    checkpoint_id: str
    data: str


class LoggedEventAnswer(TypedDict):
    """One event as the event log holds it; `listener_id` is the id that it was reported under."""

    event_id: str
    listener_id: str
    type: EventKind
    track_id: str
    at: str
    received_at: str
    outcome: Outcome
    seq: int
    session_id: str
    checkpoint_id: str


class ExportAnswer(TypedDict):
    """All that is held of a listener. `event_digests` stand for the newest event ids, to recognise a retry.

    `session` is null where it has expired and only the event log, which networks are trained on, knows the listener.
    """

    listener_id: str
    exported_at: str
    session: ListenerAnswer | None
    hidden_state: HiddenStateAnswer | None
    event_digests: list[str]
    logged_events: list[LoggedEventAnswer]


def export_answer(export: ListenerExport) -> ExportAnswer:
    """Write all that is held of a listener for the wire."""
    session = export.session
    return {
        "listener_id": session.listener_id,
        "exported_at": rfc_3339(export.at),
        "session": None if session.is_new else listener_answer(session),
        "hidden_state": _hidden_state(session.hidden),
        "event_digests": [digest.hex() for digest in session.event_digests],
        "logged_events": [_logged_event(entry) for entry in export.entries],
    }


def _logged_event(entry: LogEntry) -> LoggedEventAnswer:
    return {
        "event_id": entry.event_id,
        "listener_id": entry.listener_id,
        "type": entry.kind,
        "track_id": entry.track_id,
        "at": rfc_3339(entry.at),
        "received_at": rfc_3339(entry.received_at),
        "outcome": entry.outcome,
        "seq": entry.seq,
        "session_id": entry.session_id,
        "checkpoint_id": entry.checkpoint_id,
    }


def _hidden_state(hidden: StampedHidden | None) -> HiddenStateAnswer | None:
    if hidden is None:
        return None
    return {"checkpoint_id": hidden.checkpoint_id, "data": b64encode(hidden.data).decode()}
