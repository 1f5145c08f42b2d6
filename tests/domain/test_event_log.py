"""What is written down of an event, and what a mark says of a listener."""

import pytest

from app.domain.event_log import Forgotten, LogEntry, legible, listener_digest
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.recommendation import EventReceipt
from app.domain.session import ListenerSession, SessionLimits

NOW = 1_700_000_000.0


def logged(session: ListenerSession, at: float, *, event_id: str = "one") -> tuple[ListenerSession, LogEntry | None]:
    event = ListenerEvent(event_id, "ann", EventKind.PLAYED, "t1", at)
    later, outcome = session.after(event, known=True, now=NOW, limits=SessionLimits())
    return later, LogEntry.of(later, event, EventReceipt(event_id, "ann", outcome, later.seq), "checkpoint")


def test_entry_says_what_happened_when_and_what_became_of_it() -> None:
    session, entry = logged(ListenerSession("ann"), NOW - 5)
    assert entry == LogEntry(
        "one", "ann", EventKind.PLAYED, "t1", NOW - 5, NOW, Outcome.APPLIED, 1, session.session_id, "checkpoint"
    )


def test_duplicate_is_written_down_no_second_time() -> None:
    session, _ = logged(ListenerSession("ann"), NOW)
    assert logged(session, NOW)[1] is None


def test_late_event_is_written_down_as_late() -> None:
    session, _ = logged(ListenerSession("ann"), NOW)
    _, entry = logged(session, NOW - 600, event_id="two")
    assert entry is not None
    assert (entry.outcome, entry.at) == (Outcome.LATE, NOW - 600)


@pytest.mark.parametrize("at", [NOW + 10, NOW + 1e6, -5.0])
def test_time_that_cannot_be_is_the_time_of_receipt(at: float) -> None:
    _, entry = logged(ListenerSession("ann"), at)
    assert entry is not None
    assert entry.at == entry.received_at == NOW


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_no_part_of_listening_is_not_written_down(outcome: Outcome) -> None:
    session = ListenerSession("ann", seq=1, updated_at=NOW)
    event = ListenerEvent("one", "ann", EventKind.PLAYED, "t1", NOW)
    entry = LogEntry.of(session, event, EventReceipt("one", "ann", outcome, 1), "checkpoint")
    assert (entry is None) == (outcome in (Outcome.DUPLICATE, Outcome.REJECTED))


def test_mark_names_a_listener_to_those_who_have_the_id_only() -> None:
    assert Forgotten.listener("ann") == Forgotten(listener_digest("ann"))
    assert listener_digest("ann") != listener_digest("Ann")
    assert b"ann" not in listener_digest("ann")


def test_id_that_files_cannot_hold_is_spelled_out_and_stays_the_same_listener() -> None:
    assert legible("Zoë 🎧") == "Zoë 🎧"
    assert legible("\ud800") == "\\xed\\xa0\\x80"
    assert listener_digest("\ud800") == listener_digest(legible("\ud800"))
