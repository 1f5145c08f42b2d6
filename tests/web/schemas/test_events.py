"""Events from the wire to the domain and back."""

import json
from time import time

import pytest
from pydantic import ValidationError

from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.recommendation import EventReceipt
from app.web.schemas.events import NO_CONSENT, EventsRequest, ListenerEventBody, event_answers


def body(**fields: object) -> str:
    return json.dumps({"listener_id": "ann", "type": "played", "track_id": "t1", **fields})


def taken(**fields: object) -> ListenerEvent:
    event = ListenerEventBody.model_validate_json(body(**fields)).event()
    assert isinstance(event, ListenerEvent)
    return event


def test_an_event_becomes_the_domains_own() -> None:
    """Field by field."""
    event = taken(event_id="e1", at="1970-01-01T01:00:10+01:00")
    assert event == ListenerEvent("e1", "ann", EventKind.PLAYED, "t1", 10.0)


def test_an_event_without_id_and_time_gets_an_id_of_its_own_and_now() -> None:
    """Two of them are two events."""
    before = time()
    first, second = taken(), taken()
    assert before <= first.at <= second.at <= time()
    assert first.event_id != second.event_id


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_has_its_word(kind: EventKind) -> None:
    """The wire uses the domain's words."""
    assert taken(type=kind.value).kind is kind


def test_an_event_that_may_not_be_stored_becomes_its_answer() -> None:
    """It goes no further."""
    answer = ListenerEventBody.model_validate_json(body(event_id="e1", consent=False)).event()
    assert answer == {
        "event_id": "e1",
        "listener_id": "ann",
        "outcome": "rejected",
        "seq": None,
        "detail": NO_CONSENT,
    }


@pytest.mark.parametrize(
    "wrong",
    [{"type": "heard"}, {"type": 1}, {"track_id": 7}, {"track_id": ""}, {"kind": "played"}, {"listener_id": None}],
)
def test_what_is_not_understood_is_refused(wrong: dict[str, object]) -> None:
    """Unknown words, wrong types, unknown fields."""
    with pytest.raises(ValidationError):
        ListenerEventBody.model_validate_json(body(**wrong))


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_holds_1_to_1000_events(count: int) -> None:
    """Neither none nor more."""
    with pytest.raises(ValidationError):
        EventsRequest.model_validate_json(f'{{"events": [{",".join([body()] * count)}]}}')


def test_receipts_are_written_in_their_order() -> None:
    """With what became of each."""
    receipts = [EventReceipt("e1", "ann", Outcome.APPLIED, 4), EventReceipt("e2", "bob", Outcome.REJECTED, 0, "why")]
    assert [tuple(answer.values()) for answer in event_answers(receipts)] == [
        ("e1", "ann", "applied", 4, None),
        ("e2", "bob", "rejected", 0, "why"),
    ]
