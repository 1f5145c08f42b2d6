"""A session and time: equal, late and future times, clocks that jump, and the last millisecond before a gap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.session import ListenerSession, SessionLimits, StampedHidden

START = 1_700_000_000.0
DAY = 86_400.0
LIMITS = SessionLimits(recent_tracks=6, event_ids=50, idle_gap_s=1800.0, late_after_s=60.0)


def played(
    session: ListenerSession, track_id: str, at: float, now: float | None = None
) -> tuple[ListenerSession, Outcome]:
    """Play one track at a time, heard of at another if `now` is given; a network reads it at once."""
    event = ListenerEvent(f"{track_id} {at} {session.seq}", "ann", EventKind.PLAYED, track_id, at)
    session, outcome = session.after(event, known=True, now=at if now is None else now, limits=LIMITS)
    return session.remembering(StampedHidden("one", "".join(session.advancing).encode())), outcome


def run(*plays: tuple[str, float, float]) -> tuple[ListenerSession, list[Outcome]]:
    """Play tracks, each given with its time and the server's, in seconds from the start."""
    session, outcomes = ListenerSession("ann"), []
    for track_id, at, now in plays:
        session, outcome = played(session, track_id, START + at, START + now)
        outcomes.append(outcome)
    return session, outcomes


def remembered(session: ListenerSession) -> list[tuple[str, float]]:
    return [(heard.track_id, round(heard.at - START, 3)) for heard in session.recent]


def test_events_of_one_time_stay_in_the_order_they_came() -> None:
    session, outcomes = run(("a", 0, 0), ("b", 0, 0), ("c", 0, 0))
    assert outcomes == [Outcome.APPLIED] * 3
    assert session.advancing == ("a", "b", "c")
    assert remembered(session) == [("a", 0), ("b", 0), ("c", 0)]


def test_a_little_earlier_than_the_newest_is_taken_as_the_newest() -> None:
    """Two devices, or a network that reorders: the order is that of arrival, and times never go back."""
    session, outcomes = run(("a", 30, 30), ("b", 0, 31), ("c", 29.999, 32))
    assert outcomes == [Outcome.APPLIED] * 3
    assert session.advancing == ("a", "b", "c")
    assert remembered(session) == [("a", 30), ("b", 30), ("c", 30)]


@pytest.mark.parametrize(("age", "outcome"), [(59.999, "applied"), (60.0, "applied"), (60.001, "late")])
def test_late_is_older_than_the_newest_by_more_than_the_limit(age: float, outcome: str) -> None:
    session, outcomes = run(("a", 0, 0), ("b", 100, 100), ("c", 100 - age, 100))
    assert outcomes[-1] == outcome
    assert session.advancing == (("a", "b", "c") if outcome == "applied" else ("a", "b"))


def test_late_events_of_one_time_stay_in_the_order_they_came() -> None:
    """Behind what was remembered of that time; the state is not touched."""
    session, _ = run(("a", 0, 0), ("b", 100, 100))
    late, _ = played(session, "c", START, START + 100)
    late, outcome = played(late, "d", START, START + 100)
    assert outcome is Outcome.LATE
    assert remembered(late) == [("a", 0), ("c", 0), ("d", 0), ("b", 100)]
    assert late.hidden == session.hidden


def test_a_late_event_begins_no_listening_session_however_old_it_is() -> None:
    session, outcomes = run(("a", 0, 0), ("b", 100, 100), ("c", -DAY, 101))
    assert outcomes[-1] is Outcome.LATE
    assert [heard.track_id for heard in session.current] == ["a", "b"]
    assert remembered(session)[0] == ("c", -DAY)


@pytest.mark.parametrize(("ahead", "kept"), [(59.999, 59.999), (60.0, 60.0), (60.001, 0.0), (300.0, 0.0), (DAY, 0.0)])
def test_a_future_time_is_believed_as_far_as_it_makes_nobody_late(ahead: float, kept: float) -> None:
    """Beyond that a device's clock is wrong, and its event happened now; another device goes on undisturbed."""
    session, outcomes = run(("a", ahead, 0), ("b", 0, 0))
    assert outcomes == [Outcome.APPLIED] * 2
    assert remembered(session) == [("a", kept), ("b", kept)]


@pytest.mark.parametrize(("silence", "current"), [(1799.999, "ab"), (1800.0, "b"), (1800.001, "b")])
def test_the_idle_gap_counts_to_the_millisecond(silence: float, current: str) -> None:
    """At the gap itself the session is over, whatever clock the server has."""
    for now in (silence, silence + 3.0):
        session, _ = run(("a", 0, 0), ("b", silence, now))
        assert "".join(session.advancing) == current


def test_a_future_time_opens_no_idle_gap() -> None:
    """A device that says `in an hour` does not end the session."""
    session, _ = run(("a", 0, 0), ("b", 3600, 10))
    assert session.advancing == ("a", "b")


@pytest.mark.parametrize("jump", [-1.0, -59.0, -3600.0, -DAY])
def test_a_server_clock_set_back_loses_no_event_and_ends_no_session(jump: float) -> None:
    """Events go on being applied by the old order; what was remembered of the future is set back."""
    session, outcomes = run(("a", 0, 0), ("b", 100, 100), ("c", 101 + jump, 101 + jump), ("d", 102 + jump, 102 + jump))
    assert outcomes == [Outcome.APPLIED] * 4
    assert session.advancing == ("a", "b", "c", "d")
    assert all(heard.at <= START + max(100, 102 + jump) for heard in session.recent)


def test_a_server_clock_that_jumps_ahead_and_back_leaves_nothing_late() -> None:
    """The jump itself looks like an idle gap; from then on listening is one session again."""
    session, outcomes = run(("a", 0, 0), ("b", DAY, DAY), ("c", 10, 10), ("d", 20, 20), ("e", DAY, DAY), ("f", 30, 30))
    assert outcomes == [Outcome.APPLIED] * 6
    assert session.advancing == ("e", "f")
    times = [at for _, at in remembered(session)]
    assert times == sorted(times)
    assert max(times) <= 30.0


CLOCKS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from([-DAY, -61.0, -1.0, 0.0, 0.001, 60.0, 1800.0, DAY])), max_size=20
)


@given(CLOCKS)
def test_an_event_that_says_now_is_never_late_whatever_the_servers_clock_does(jumps: list[tuple[str, float]]) -> None:
    """Apps that send no time of their own are applied in the order of arrival, each one."""
    session, now = ListenerSession("ann"), START + 30 * DAY
    for track_id, jump in jumps:
        now = round(now + jump, 3)
        before = session
        session, outcome = played(session, track_id, now)
        assert outcome is Outcome.APPLIED
        assert session.advancing[-1] == track_id
        assert session.recent[-1].at <= now + LIMITS.late_after_s
        assert session.seq == before.seq + 1
