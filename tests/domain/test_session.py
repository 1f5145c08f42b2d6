"""The law of a listener's session: hidden state plus unread tracks is the replay of the recent ones, at every point.

The hidden state is modelled by what it stands for: the tuple of tracks read since the start state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.blocks import Block
from app.domain.events import DIGEST_SIZE, EventKind, ListenerEvent, Outcome
from app.domain.session import ListenerSession, SessionLimits, StampedHidden

LIMITS = SessionLimits(recent_tracks=6, event_ids=5, idle_gap_s=1800.0, late_after_s=60.0)
START = 1_700_000_000.0
KNOWN = ("a", "b", "c", "d")
UNKNOWN = ("x", "y")


def read(tracks: Sequence[str]) -> bytes:
    """Stand for the state after reading these tracks from the start."""
    return "".join(tracks).encode()


def replayed(session: ListenerSession, checkpoint_id: str) -> bytes:
    """Walk as the service does: from the stored state where it matches, over what it has not read."""
    hidden, tracks = session.reading(checkpoint_id)
    return (hidden.data if hidden is not None else b"") + read(tracks)


def event(kind: str, track_id: str, at: float, event_id: str | None = None) -> ListenerEvent:
    """Report one event; its id is made of the rest unless given."""
    return ListenerEvent(event_id or f"{kind} {track_id} {at}", "ann", EventKind(kind), track_id, at)


def after(session: ListenerSession, *events: ListenerEvent, limits: SessionLimits = LIMITS) -> ListenerSession:
    """Take in events as they happen; the clock stands at the latest of them."""
    now = 0.0
    for one in events:
        now = max(now, one.at)
        session, _ = session.after(one, known=one.track_id in KNOWN, now=now, limits=limits)
    return session


@dataclass(frozen=True)
class Move:
    """One event of a drawn history: `ahead` seconds after the newest before it, reported `delay` seconds late."""

    kind: EventKind
    track_id: str
    ahead: float
    delay: float
    retry: bool
    checkpoint_id: str
    reads: bool


GAPS = (0.0, 0.0004, 1.0, 59.9, 60.0, 200.0, 1799.999, 1800.0, 1800.001, 90_000.0)
LAGS = (0.0, 1.0, 59.999, 60.0, 60.001, 1800.0, 3600.0, -30.0, -299.0, -301.0, -1e6)

MOVES = st.lists(
    st.builds(
        Move,
        kind=st.sampled_from(EventKind),
        track_id=st.sampled_from(KNOWN + UNKNOWN),
        ahead=st.sampled_from(GAPS),
        delay=st.sampled_from(LAGS),
        retry=st.booleans(),
        checkpoint_id=st.sampled_from(("one", "two")),
        reads=st.booleans(),
    ),
    max_size=40,
)


@given(MOVES, st.integers(min_value=4, max_value=9))
def test_stored_state_and_unread_tracks_are_the_replay_at_every_point(moves: list[Move], recent_tracks: int) -> None:
    """Any kinds, retries, late and future times, idle gaps, overflow and checkpoint swaps leave the law standing."""
    limits = replace(LIMITS, recent_tracks=recent_tracks)
    session = ListenerSession("ann")
    now = START
    for number, move in enumerate(moves):
        now += move.ahead
        one = ListenerEvent(str(number), "ann", move.kind, move.track_id, now - move.delay)
        before = session
        session, outcome = before.after(one, known=move.track_id in KNOWN, now=now, limits=limits)

        assert session.seq == before.seq + 1
        assert outcome in (Outcome.APPLIED, Outcome.LATE, Outcome.UNKNOWN_TRACK)
        assert session.incarnation == before.incarnation
        for checkpoint_id in ("one", "two"):
            assert replayed(session, checkpoint_id) == read(session.advancing)
        if move.reads:
            seen_by_network = StampedHidden(move.checkpoint_id, replayed(session, move.checkpoint_id))
            session = session.remembering(seen_by_network)
            assert session.reading(move.checkpoint_id) == (seen_by_network, ())
        if session.hidden is not None:
            unread = session.advancing[len(session.advancing) - session.unread :]
            assert session.hidden.data + read(unread) == read(session.advancing)
        if move.retry:
            again, repeated = session.after(one, known=move.track_id in KNOWN, now=now + 1, limits=limits)
            assert repeated is Outcome.DUPLICATE
            assert again is session

        assert len(session.recent) <= limits.recent_tracks
        assert len(session.event_digests) <= limits.event_ids
        assert 0 <= session.unread <= len(session.advancing) <= session.context <= len(session.recent)
        times = [heard.at for heard in session.recent]
        assert times == sorted(times)
        assert all(0 <= at <= now + limits.late_after_s and round(at, 3) == at for at in times)
        assert all(not heard.advances or heard.track_id in KNOWN for heard in session.recent)


@given(st.lists(st.sampled_from(KNOWN), max_size=6))
def test_network_reads_every_played_track_in_order(tracks: list[str]) -> None:
    """A plain run within the limits is read as it was played, whatever was committed between."""
    events = [event("played", track, START + 200 * number) for number, track in enumerate(tracks)]
    assert after(ListenerSession("ann"), *events).advancing == tuple(tracks)


@pytest.mark.parametrize("kind", list(EventKind))
def test_network_reads_what_was_heard_or_asked_for(kind: EventKind) -> None:
    session, outcome = ListenerSession("ann").after(event(kind, "a", START), known=True, now=START, limits=LIMITS)
    assert outcome is Outcome.APPLIED
    assert session.advancing == (("a",) if kind in ("played", "finished", "seeded") else ())
    assert [heard.track_id for heard in session.recent] == ["a"]


def test_unknown_track_is_remembered_and_not_read() -> None:
    session, outcome = ListenerSession("ann").after(event("played", "x", START), known=False, now=START, limits=LIMITS)
    assert outcome is Outcome.UNKNOWN_TRACK
    assert session.advancing == ()
    assert session.recent[-1].track_id == "x"


def test_finished_confirms_the_played_before_it() -> None:
    """Play and completion of one track are one reading; playing it again is a second one."""
    session = after(ListenerSession("ann"), event("played", "a", START), event("finished", "a", START + 200))
    assert session.advancing == ("a",)
    session = after(session, event("played", "a", START + 201))
    assert session.advancing == ("a", "a")


@pytest.mark.parametrize("kind", ["skipped", "disliked"])
def test_skip_takes_back_the_played_before_it(kind: str) -> None:
    """The state that read the track is dropped, so that the next replay does without it."""
    session = after(ListenerSession("ann"), event("played", "a", START), event("played", "b", START + 1))
    session = session.remembering(StampedHidden("one", read("ab")))
    session = after(session, event(kind, "b", START + 5))
    assert session.hidden is None
    assert session.advancing == ("a",)
    assert session.blocked_tracks == ((Block("b"),) if kind == "disliked" else ())


@pytest.mark.parametrize(("silence", "same"), [(1799.999, True), (1800.0, False), (1800.001, False)])
def test_idle_gap_starts_a_new_session(silence: float, same: bool) -> None:
    """At the gap itself the session is over; what was heard stays for no-repeat."""
    first = after(ListenerSession("ann"), event("played", "a", START)).remembering(StampedHidden("one", b"a"))
    second = after(first, event("played", "b", START + silence))
    assert (second.session_id == first.session_id) is same
    assert second.advancing == (("a", "b") if same else ("b",))
    assert (second.hidden is not None) is same
    assert [heard.track_id for heard in second.recent] == ["a", "b"]


@pytest.mark.parametrize(("age", "outcome"), [(60.0, Outcome.APPLIED), (60.001, Outcome.LATE)])
def test_late_event_is_recorded_where_its_time_puts_it(age: float, outcome: Outcome) -> None:
    """An event older than `late_after_s` rewinds nothing."""
    session = after(ListenerSession("ann"), event("played", "a", START - 300), event("played", "b", START))
    session = session.remembering(StampedHidden("one", b"ab"))
    later, became = session.after(event("played", "c", START - age), known=True, now=START, limits=LIMITS)
    assert became is outcome
    if outcome is Outcome.LATE:
        assert [heard.track_id for heard in later.recent] == ["a", "c", "b"]
        assert later.advancing == ("a", "b")
        assert later.hidden == session.hidden
    else:
        assert later.advancing == ("a", "b", "c")
        assert later.recent[-1].at == START


def test_late_event_of_an_older_session_stays_out_of_the_current_one() -> None:
    session = after(ListenerSession("ann"), event("played", "a", START), event("played", "b", START + 5000))
    late, outcome = session.after(event("played", "c", START + 10), known=True, now=START + 5000, limits=LIMITS)
    assert outcome is Outcome.LATE
    assert [heard.track_id for heard in late.recent] == ["a", "c", "b"]
    assert [heard.track_id for heard in late.current] == ["b"]


def test_late_skip_excludes_without_taking_back() -> None:
    session = after(ListenerSession("ann"), event("played", "a", START), event("played", "b", START + 300))
    late, outcome = session.after(event("disliked", "a", START + 10), known=True, now=START + 300, limits=LIMITS)
    assert outcome is Outcome.LATE
    assert late.advancing == ("a", "b")
    assert late.blocked_tracks == (Block("a"),)


def test_fast_device_does_not_make_another_late() -> None:
    """A time ahead of ours by more than counts as late is set back to now."""
    ahead = event("played", "a", START + 240)
    session, _ = ListenerSession("ann").after(ahead, known=True, now=START, limits=LIMITS)
    session, outcome = session.after(event("played", "b", START + 1), known=True, now=START + 1, limits=LIMITS)
    assert outcome is Outcome.APPLIED
    assert session.advancing == ("a", "b")


def test_clock_that_ran_ahead_and_was_set_back_makes_nothing_late() -> None:
    """Times a wrong server clock let in are set back at the next event, and listening goes on."""
    day = 24 * 3600.0
    session = after(ListenerSession("ann"), event("played", "a", START), event("played", "b", START + day))
    session, outcome = session.after(event("played", "c", START + 9), known=True, now=START + 10, limits=LIMITS)
    assert outcome is Outcome.APPLIED
    assert [heard.at for heard in session.recent] == [START, START + 10, START + 10]
    assert session.advancing == ("b", "c")


@pytest.mark.parametrize("at", [-1.0, float("-inf"), float("inf"), float("nan"), 9e15])
def test_impossible_time_becomes_now(at: float) -> None:
    session, outcome = ListenerSession("ann").after(event("played", "a", at), known=True, now=START, limits=LIMITS)
    assert outcome is Outcome.APPLIED
    assert session.recent[-1].at == START


def test_full_context_starts_again_from_its_newest_half() -> None:
    events = [event("played", KNOWN[number % 4], START + number) for number in range(6)]
    full = after(ListenerSession("ann"), *events).remembering(StampedHidden("one", b"abcdab"))
    assert full.advancing == tuple("abcdab")
    over = after(full, event("played", "c", START + 6))
    assert over.advancing == tuple("abc")
    assert over.hidden is None
    assert [heard.track_id for heard in over.recent] == list("bcdabc")


def test_smaller_limits_bound_a_session_stored_under_larger_ones() -> None:
    """An operator who lowers the limits finds every session within them after its next event."""
    events = [event("played", KNOWN[number % 4], START + number) for number in range(20)]
    large = after(ListenerSession("ann"), *events, limits=SessionLimits()).remembering(StampedHidden("one", b"x"))
    small = after(large, event("played", "a", START + 20))
    assert len(small.recent) == LIMITS.recent_tracks
    assert len(small.event_digests) == LIMITS.event_ids
    assert replayed(small, "one") == read(small.advancing)


def test_another_incarnation_is_another_listener() -> None:
    """Two new sessions of one id differ: a deleted listener who comes back is not the one before."""
    assert ListenerSession("ann").incarnation != ListenerSession("ann").incarnation


def test_digest_tells_event_ids_apart() -> None:
    one, two = event("played", "a", START, "1"), event("played", "a", START, "2")
    assert len(one.digest) == DIGEST_SIZE
    assert one.digest == event("skipped", "b", START, "1").digest
    assert one.digest != two.digest
    assert event("played", "a", START, "\ud800").digest != one.digest
