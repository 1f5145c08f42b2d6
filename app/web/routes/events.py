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
from app.web.body import BODY_ERRORS, parse, read_json, refusal
from app.web.doors import doors
from app.web.examples import listening as examples
from app.web.idempotency import once
from app.web.idempotency_key import IDEMPOTENCY_ERRORS, PARAMETER, REPLAYED
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
        **answered(EventsAnswer, examples.EVENTS_ANSWER, REPLAYED),
        **told(*BODY_ERRORS, *IDEMPOTENCY_ERRORS, SessionConflict, Overloaded, NoCheckpoint, SessionStoreUnavailable),
    },
    openapi_extra={**body_of(EventsRequest, examples.EVENTS_REQUESTS), "parameters": [PARAMETER]},
)
async def report_events(request: Request) -> Response:
    """Report 1 to 1000 events of any listeners; each gets one outcome, in the order sent.

    `applied`; `duplicate`: this `event_id` was applied before; `late`: remembered, without rewinding the session;
    `unknown_track`: remembered, not read by the network; `rejected`: malformed, or not to be stored for want of
    consent, see `detail`, the others are not affected. On 503 nothing has to be sorted out: send the same events
    again, their ids keep them from counting twice; with an `Idempotency-Key` the answer, too, is the first one's.
    """
    body = await read_json(request)
    events, may_be_kept = _read(body)
    return await once(
        request, body, lambda: _taken_in(request, events), listeners=_listeners(events), may_be_kept=may_be_kept
    )


def _listeners(events: Sequence[ListenerEvent | EventAnswer]) -> set[str]:
    """Return whom the answer will speak of, also where it rejects their events."""
    named = (event.listener_id if isinstance(event, ListenerEvent) else event["listener_id"] for event in events)
    return {listener_id for listener_id in named if listener_id is not None}


def _read(body: bytes) -> tuple[Sequence[ListenerEvent | EventAnswer], bool]:
    """Return the events, or the answers that reject them, and whether all agree to having something stored."""
    try:
        sound = EventsRequest.model_validate_json(body).events
    except ValidationError:
        # Only now is each event looked at by itself: the envelope, if that is wrong, still refuses the whole.
        each = parse(body, UncheckedEventsRequest).events
        unwilling = any(isinstance(event, dict) and event.get("consent") is False for event in each)
        return [_checked(event) for event in each], not unwilling
    return [event.event() for event in sound], all(event.consent for event in sound)


async def _taken_in(request: Request, events: Sequence[ListenerEvent | EventAnswer]) -> Response:
    sound = [event for event in events if isinstance(event, ListenerEvent)]
    receipts: Sequence[EventReceipt] = await doors(request).recommender.record(sound) if sound else ()
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
