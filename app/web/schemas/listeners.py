"""What is remembered of a listener, for the listener to see.

The hidden state stays inside: it is a cache of the recent tracks and means nothing elsewhere.
"""

from typing_extensions import TypedDict

from app.domain.events import EventKind
from app.domain.session import ListenerSession
from app.web.schemas.fields import rfc_3339


class HeardTrackAnswer(TypedDict):
    """One remembered event. `read` tells whether the network has it in its state."""

    track_id: str
    type: EventKind
    at: str
    read: bool
    current: bool


class ListenerAnswer(TypedDict):
    """A listener's session. In `recent`, oldest first, those `current` belong to the listening session going on."""

    listener_id: str
    seq: int
    session_id: str
    checkpoint_id: str | None
    recent: list[HeardTrackAnswer]
    blocked_tracks: tuple[str, ...]
    blocked_artists: tuple[str, ...]
    updated_at: str


def listener_answer(session: ListenerSession) -> ListenerAnswer:
    """Write a session for the wire."""
    begins = len(session.recent) - session.context
    return {
        "listener_id": session.listener_id,
        "seq": session.seq,
        "session_id": session.session_id,
        "checkpoint_id": session.hidden.checkpoint_id if session.hidden else None,
        "recent": [
            {
                "track_id": heard.track_id,
                "type": heard.kind,
                "at": rfc_3339(heard.at),
                "read": heard.advances,
                "current": position >= begins,
            }
            for position, heard in enumerate(session.recent)
        ],
        "blocked_tracks": session.blocked_tracks,
        "blocked_artists": session.blocked_artists,
        "updated_at": rfc_3339(session.updated_at),
    }
