"""POST /v1/events: what listeners did, many at a time."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.domain.events import ListenerEvent, Outcome
from app.domain.recommendation import EventReceipt
from app.errors import NoCheckpoint, Overloaded, SessionConflict, SessionStoreUnavailable
from app.web import examples
from app.web.body import BODY_ERRORS, parse, read_json, refusal
from app.web.doors import doors
from app.web.openapi import answered, body_of
from app.web.problems import told
from app.web.route import DirectRoute
from app.web.schemas.events import (
    EventAnswer,
    EventsAnswer,
    EventsRequest,
    ListenerEventBody,
    UncheckedEventsRequest,
    event_answers,
)
from app.web.schemas.fields import identifier

router = APIRouter(route_class=DirectRoute)
_ANSWER = TypeAdapter(EventsAnswer)


@router.post(
    "/v1/events",
    tags=["listening"],
    summary="Report events",
    response_model=None,
    responses={
        **answered(EventsAnswer, examples.EVENTS_ANSWER),
        **told(*BODY_ERRORS, SessionConflict, Overloaded, NoCheckpoint, SessionStoreUnavailable),
    },
    openapi_extra=body_of(EventsRequest, examples.EVENTS_REQUESTS),
)
async def report_events(request: Request) -> Response:
    """Report 1 to 1000 events of any listeners; each gets one outcome, in the order sent.

    `applied`; `duplicate`: this `event_id` was applied before; `late`: remembered, without rewinding the session;
    `unknown_track`: remembered, not read by the network; `rejected`: malformed, or not to be stored for want of
    consent, see `detail`, the others are not affected. On 503 nothing has to be sorted out: send the same events
    again, their ids keep them from counting twice.
    """
    body = await read_json(request)
    recommender = doors(request).recommender
    try:
        events: Sequence[ListenerEvent | EventAnswer] = [
            event.event() for event in EventsRequest.model_validate_json(body).events
        ]
    except ValidationError:
        # Only now is each event looked at by itself: the envelope, if that is wrong, still refuses the whole.
        events = [_checked(event) for event in parse(body, UncheckedEventsRequest).events]
    sound = [event for event in events if isinstance(event, ListenerEvent)]
    receipts: Sequence[EventReceipt] = await recommender.record(sound) if sound else ()
    applied = iter(event_answers(receipts))
    answer: EventsAnswer = {
        "events": [next(applied) if isinstance(event, ListenerEvent) else event for event in events]
    }
    return Response(_ANSWER.dump_json(answer), media_type="application/json")


def _checked(event: Any) -> ListenerEvent | EventAnswer:
    """Return the event, or the answer that rejects it."""
    try:
        return ListenerEventBody.model_validate_json(to_json(event)).event()
    except ValidationError as error:
        fields = event if isinstance(event, dict) else {}
        return {
            "event_id": _told(fields.get("event_id")),
            "listener_id": _told(fields.get("listener_id")),
            "outcome": Outcome.REJECTED,
            "seq": None,
            "detail": str(refusal(error)),
        }


def _told(value: Any) -> str | None:
    """Return an id that is one, so that the caller can match the rejection to the event."""
    try:
        return identifier(value) if isinstance(value, str) else None
    except ValueError:
        return None
