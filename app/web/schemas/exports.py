"""All that is held of a listener, to take along. Knows nothing of where it is held."""

from base64 import b64encode

from typing_extensions import TypedDict

from app.domain.session import ListenerSession, StampedHidden
from app.web.schemas.fields import rfc_3339
from app.web.schemas.listeners import ListenerAnswer, listener_answer


class HiddenStateAnswer(TypedDict):
    """The stored hidden state, in base64, and the checkpoint that it means something to."""

    checkpoint_id: str
    data: str


class ExportAnswer(TypedDict):
    """All that is held of a listener. `event_digests` stand for the newest event ids, to recognise a retry."""

    listener_id: str
    exported_at: str
    session: ListenerAnswer
    hidden_state: HiddenStateAnswer | None
    event_digests: list[str]


def export_answer(session: ListenerSession, now: float) -> ExportAnswer:
    """Write all that is held of a listener for the wire."""
    return {
        "listener_id": session.listener_id,
        "exported_at": rfc_3339(now),
        "session": listener_answer(session),
        "hidden_state": _hidden_state(session.hidden),
        "event_digests": [digest.hex() for digest in session.event_digests],
    }


def _hidden_state(hidden: StampedHidden | None) -> HiddenStateAnswer | None:
    if hidden is None:
        return None
    return {"checkpoint_id": hidden.checkpoint_id, "data": b64encode(hidden.data).decode()}
