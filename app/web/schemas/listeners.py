"""What is remembered of a listener, for the listener to see and to change.

The hidden state stays inside: it is a cache of the recent tracks and means nothing elsewhere.
"""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from app.domain.events import EventKind
from app.domain.session import ListenerSession
from app.web.schemas.blocks import BlockedArtistAnswer, BlockedTrackAnswer, blocked_artists, blocked_tracks
from app.web.schemas.fields import Identifier, RequestBody, rfc_3339


class HeardTrackAnswer(TypedDict):
    """One remembered event. `read` tells whether the network has it in its state."""

    track_id: str
    type: EventKind
    at: str
    read: bool
    current: bool


class ListenerAnswer(TypedDict):
    """A listener's session. In `recent`, oldest first, those `current` belong to the listening session going on.

    `session_id` is null where none is going on: before the first event and after a reset.
    """

    listener_id: str
    seq: int
    session_id: str | None
    checkpoint_id: str | None
    recent: list[HeardTrackAnswer]
    blocked_tracks: list[BlockedTrackAnswer]
    blocked_artists: list[BlockedArtistAnswer]
    updated_at: str


class ResetRequest(RequestBody):
    """How much is to be forgotten."""

    keep_recent: bool = Field(
        False, description="Whether the tracks heard lately still do not come again, though the ranking forgets them."
    )


class MergeRequest(RequestBody):
    """Another id that the listener was known under."""

    from_: Annotated[Identifier, Field(alias="from", description="Whose session is taken in, and then deleted.")]


def listener_answer(session: ListenerSession) -> ListenerAnswer:
    """Write a session for the wire."""
    begins = len(session.recent) - session.context
    return {
        "listener_id": session.listener_id,
        "seq": session.seq,
        "session_id": session.session_id or None,
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
        "blocked_tracks": blocked_tracks(session.blocked_tracks),
        "blocked_artists": blocked_artists(session.blocked_artists),
        "updated_at": rfc_3339(session.updated_at),
    }
