"""What is remembered of a listener, for the listener to see.

The hidden state stays inside: it is a cache of the recent tracks and means nothing elsewhere.
"""

from typing_extensions import TypedDict

from app.domain.blocks import Block
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


class BlockedTrackAnswer(TypedDict):
    """A track that may not come next; `until` is null where that is for good."""

    track_id: str
    until: str | None


class BlockedArtistAnswer(TypedDict):
    """An artist who may not come next, however spelled."""

    artist: str
    until: str | None


class ListenerAnswer(TypedDict):
    """A listener's session. In `recent`, oldest first, those `current` belong to the listening session going on."""

    listener_id: str
    seq: int
    session_id: str
    checkpoint_id: str | None
    recent: list[HeardTrackAnswer]
    blocked_tracks: list[BlockedTrackAnswer]
    blocked_artists: list[BlockedArtistAnswer]
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
        "blocked_tracks": [{"track_id": block.what, "until": _end(block)} for block in session.blocked_tracks],
        "blocked_artists": [{"artist": block.what, "until": _end(block)} for block in session.blocked_artists],
        "updated_at": rfc_3339(session.updated_at),
    }


def _end(block: Block) -> str | None:
    return None if block.until is None else rfc_3339(block.until)
