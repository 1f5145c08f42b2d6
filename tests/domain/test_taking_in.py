"""A request's events: each id once, however many there are and however often they are sent."""

from app.domain.catalogue import Catalogue, Track
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.session import ListenerSession, SessionLimits
from app.domain.taking_in import TakenIn, session_of, take_in

START = 1_700_000_000.0
CATALOGUE = Catalogue([Track(f"t{row}", f"Title {row}", "Artist") for row in range(9)])
LIMITS = SessionLimits(recent_tracks=6, event_ids=8)


def played(number: int, track_id: str = "t1") -> ListenerEvent:
    return ListenerEvent(f"e{number}", "ann", EventKind.PLAYED, track_id, START + number)


def taken(session: ListenerSession, events: list[ListenerEvent]) -> TakenIn:
    return take_in(session, events, catalogue=CATALOGUE, checkpoint_id="one", now=START + len(events), limits=LIMITS)


def outcomes(taken_in: TakenIn) -> list[Outcome]:
    return [receipt.outcome for receipt in taken_in.receipts]


def test_each_event_has_a_receipt_and_what_was_taken_in_is_written_down() -> None:
    """In order; a duplicate is in the log already."""
    came = taken(ListenerSession("ann"), [played(1), played(2, "unheard-of"), played(1)])
    assert outcomes(came) == [Outcome.APPLIED, Outcome.UNKNOWN_TRACK, Outcome.DUPLICATE]
    assert [receipt.seq for receipt in came.receipts] == [1, 2, 2]
    assert [(entry.event_id, entry.seq, entry.checkpoint_id) for entry in came.entries] == [
        ("e1", 1, "one"),
        ("e2", 2, "one"),
    ]


def test_a_repeated_request_changes_nothing_and_is_told_the_same_each_time() -> None:
    events = [played(1), played(2)]
    once = taken(ListenerSession("ann"), events).session
    twice, thrice = taken(once, events), taken(taken(once, events).session, events)
    assert twice.session is once
    assert outcomes(twice) == [Outcome.DUPLICATE] * 2
    assert twice == thrice


def test_a_request_of_more_events_than_are_remembered_is_known_again() -> None:
    """The ids of its first events are long gone; the request as a whole is not."""
    events = [played(number) for number in range(1000)]
    once = taken(ListenerSession("ann"), events)
    assert once.session.seq == 1000
    assert len(once.session.event_digests) == LIMITS.event_ids
    again = taken(once.session, events)
    assert again.session is once.session
    assert set(outcomes(again)) == {Outcome.DUPLICATE}
    assert again.entries == ()


def test_an_id_that_comes_twice_in_one_long_request_is_applied_once() -> None:
    """Also where so many lie between that the session no longer remembers the first, or one from before."""
    before = taken(ListenerSession("ann"), [played(0)]).session
    came = taken(before, [*(played(number) for number in range(1, 50)), played(1), played(0)])
    assert outcomes(came)[-2:] == [Outcome.DUPLICATE] * 2
    assert came.session.seq == 50


def test_recent_tracks_make_a_session_that_reads_them() -> None:
    session = session_of(("t1", "nobody", "t2"), "", catalogue=CATALOGUE, now=START, limits=LIMITS)
    assert session.advancing == ("t1", "t2")
    assert [heard.track_id for heard in session.recent] == ["t1", "nobody", "t2"]
