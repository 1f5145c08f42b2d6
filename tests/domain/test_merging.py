"""Two sessions become one: joined in time order, nothing twice, safe to repeat."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.blocks import Block
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.merging import merged
from app.domain.session import ListenerSession, SessionLimits, StampedHidden

START = 1_700_000_000.0
LIMITS = SessionLimits(recent_tracks=6, event_ids=8, blocks=3)


def heard(listener_id: str, *tracks: tuple[str, float]) -> ListenerSession:
    """Return a session with a state, after tracks at so many seconds from the start."""
    session = ListenerSession(listener_id)
    for track_id, after_s in tracks:
        session = playing(session, track_id, after_s)
    return session.remembering(StampedHidden("one", b"state"))


def playing(session: ListenerSession, track_id: str, after_s: float) -> ListenerSession:
    event = ListenerEvent(f"{session.listener_id} {track_id}", session.listener_id, EventKind.PLAYED, track_id, 0)
    at = START + after_s
    return session.after(replace(event, at=at), known=True, now=at, limits=LIMITS)[0]


def merge(target: ListenerSession, source: ListenerSession) -> ListenerSession:
    return merged(target, source, now=START + 5000, limits=LIMITS)


def test_tracks_are_joined_in_time_order_and_the_state_is_replayed() -> None:
    """Two devices of one evening are one run of listening."""
    phone, car = heard("phone", ("a", 0), ("c", 400)), heard("car", ("b", 200), ("d", 600))
    both = merge(phone, car)
    assert [track.track_id for track in both.recent] == ["a", "b", "c", "d"]
    assert both.advancing == ("a", "b", "c", "d")
    assert (both.hidden, both.unread, both.seq) == (None, 0, phone.seq + 1)
    assert (both.listener_id, both.incarnation) == ("phone", phone.incarnation)
    assert both.session_id == car.session_id


@pytest.mark.parametrize(("silence", "current"), [(1799.999, ["a", "b"]), (1800.0, ["b"]), (1800.001, ["b"])])
def test_an_idle_gap_between_the_two_parts_them(silence: float, current: list[str]) -> None:
    """What was heard before it stays for no-repeat."""
    both = merge(heard("phone", ("a", 0)), heard("car", ("b", silence)))
    assert [track.track_id for track in both.current] == current
    assert [track.track_id for track in both.recent] == ["a", "b"]


def test_what_was_reset_stays_out_of_the_state() -> None:
    phone = heard("phone", ("a", 0)).forgetting(keep_recent=True, now=START + 1)
    assert merge(phone, heard("car", ("b", 200))).advancing == ("b",)
    assert merge(heard("car", ("b", 200)), phone).advancing == ("b",)


def test_merging_again_changes_nothing() -> None:
    """Not even after the target went on, was reset, or forgot most of what it took in."""
    phone, car = heard("phone", ("a", 0)), heard("car", ("b", 1))
    both = playing(merge(phone, car), "c", 300)
    assert merge(both, car) is both
    reset = both.forgetting(keep_recent=False, now=START + 301)
    assert merge(reset, car) is reset


def test_of_a_source_that_went_on_only_the_new_is_taken() -> None:
    """The source was not deleted in time: nothing of it is lost, and nothing comes twice."""
    phone, car = heard("phone", ("a", 0)), heard("car", ("b", 1))
    both = merge(merge(phone, car), playing(car, "c", 2))
    assert [track.track_id for track in both.recent] == ["a", "b", "c"]


def test_an_event_of_either_is_a_duplicate_for_both() -> None:
    """The newest ids of each are kept, half and half where they are too many."""
    phone = heard("phone", *((f"p{number}", number) for number in range(8)))
    car = heard("car", *((f"c{number}", number) for number in range(8)))
    both = merge(phone, car)
    assert len(both.event_digests) == LIMITS.event_ids
    for event_id in ("phone p7", "phone p5", "car c7", "car c5"):
        event = ListenerEvent(event_id, "phone", EventKind.PLAYED, "x", START + 9)
        assert both.after(event, known=True, now=START + 9, limits=LIMITS)[1] is Outcome.DUPLICATE


def test_blocks_are_united_within_the_bound() -> None:
    """Of one name the longer; those that are over are left behind."""
    now = START + 5000
    phone = ListenerSession("phone", 1, blocked_tracks=(Block("a", now + 1), Block("over", now)))
    car = ListenerSession("car", 1, blocked_tracks=(Block("a"), Block("b", now + 2), Block("c"), Block("d")))
    car = replace(car, blocked_artists=(Block("Moby"),))
    both = merge(replace(phone, blocked_artists=(Block("MOBY", now + 5),)), car)
    assert both.blocked_tracks == (Block("a"), Block("c"), Block("d"))
    assert both.blocked_artists == (Block("Moby"),)


TRACKS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9000)), max_size=8).map(
    lambda tracks: sorted(tracks, key=lambda one: one[1])
)


@given(TRACKS, TRACKS)
def test_whatever_is_merged_stays_within_the_law(one: list[tuple[str, float]], other: list[tuple[str, float]]) -> None:
    """Times in order, the context a run of the newest, the bounds kept, nothing read that neither had read."""
    target, source = heard("phone", *one), heard("car", *other)
    both = merge(target, source)
    times = [track.at for track in both.recent]
    assert times == sorted(times)
    assert len(both.recent) <= LIMITS.recent_tracks
    assert 0 <= len(both.advancing) <= both.context <= len(both.recent)
    assert both.reading("one") == (None, both.advancing)
    assert {track.track_id for track in both.recent} <= {track_id for track_id, _ in (*one, *other)}
    assert merge(both, source) is both
