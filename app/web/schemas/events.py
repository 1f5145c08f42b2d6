"""Events as callers report them, and what became of each.

Knows nothing of what an event does to a session.
"""

from collections.abc import Sequence
from secrets import token_hex
from time import time
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.recommendation import EventReceipt
from app.web.schemas.fields import Identifier, Moment, RequestBody

MAX_EVENTS = 1000
NO_CONSENT = "Nothing was stored: consent is false. To have it used for one answer, send it with POST /v1/next."


class EventBody(RequestBody):
    """One thing a listener did with a track."""

    type: EventKind = Field(description="What the listener did.")
    track_id: Identifier = Field(description="The track, known to the catalogue or not.")
    event_id: Identifier | None = Field(
        None,
        description=(
            "Your name for this event: the same id is applied once. Without it one is made, and a retry counts twice."
        ),
    )
    at: Moment | None = Field(None, description="When it happened; now, where absent.")

    def of(self, listener_id: str) -> ListenerEvent:
        """Return the event as one of this listener's."""
        return ListenerEvent(
            event_id=self.event_id if self.event_id is not None else f"evt_{token_hex(12)}",
            listener_id=listener_id,
            kind=self.type,
            track_id=self.track_id,
            at=self.at if self.at is not None else time(),
        )


class EventAnswer(TypedDict):
    """What became of one event. `seq` is the listener's number after it; null where it was rejected unread."""

    event_id: str | None
    listener_id: str | None
    outcome: Outcome
    seq: int | None
    detail: str | None


class ListenerEventBody(EventBody):
    """One thing one of many listeners did."""

    listener_id: Identifier = Field(description="Whose event it is.")
    consent: bool = Field(True, description="Whether the listener lets it be stored; where not, nothing is.")

    def event(self) -> ListenerEvent | EventAnswer:
        """Return the event, or the answer to one that may not be stored."""
        if self.consent:
            return self.of(self.listener_id)
        return {
            "event_id": self.event_id,
            "listener_id": self.listener_id,
            "outcome": Outcome.REJECTED,
            "seq": None,
            "detail": NO_CONSENT,
        }


class EventsRequest(RequestBody):
    """Events of any listeners; each listener's are applied in the order given."""

    events: Annotated[tuple[ListenerEventBody, ...], Field(min_length=1, max_length=MAX_EVENTS)]


class UncheckedEventsRequest(RequestBody):
    """The same envelope before its events are looked at one by one."""

    events: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MAX_EVENTS)]


class EventsAnswer(TypedDict):
    """One outcome per event, in the order they were sent."""

    events: list[EventAnswer]


def event_answers(receipts: Sequence[EventReceipt]) -> list[EventAnswer]:
    """Write receipts for the wire."""
    return [
        {
            "event_id": receipt.event_id,
            "listener_id": receipt.listener_id or None,
            "outcome": receipt.outcome,
            "seq": receipt.seq,
            "detail": receipt.detail,
        }
        for receipt in receipts
    ]
