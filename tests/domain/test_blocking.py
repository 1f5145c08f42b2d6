"""A listener sets blocks and lifts them, and events do: never more than the limit, never one that is over."""

import pytest

from app.domain.blocking import blocked, unblocked
from app.domain.blocks import Block
from app.domain.events import EventKind, ListenerEvent
from app.domain.session import ListenerSession, SessionLimits
from app.errors import InvalidBlock

NOW = 1_700_000_000.0
LIMITS = SessionLimits(blocks=3)


def names(blocks: tuple[Block, ...]) -> list[str]:
    return [block.what for block in blocks]


def test_one_too_many_is_refused_and_changes_nothing() -> None:
    session = blocked(ListenerSession("ann"), [Block("a"), Block("b"), Block("c")], [], now=NOW, limits=LIMITS)
    with pytest.raises(InvalidBlock, match="at most 3 blocked tracks, got 4"):
        blocked(session, [Block("d")], [], now=NOW, limits=LIMITS)
    assert names(blocked(session, [Block("c", NOW + 1)], [], now=NOW, limits=LIMITS).blocked_tracks) == ["a", "b", "c"]


def test_a_block_that_is_over_is_refused() -> None:
    """A date in the past is a mistake worth a sentence."""
    with pytest.raises(InvalidBlock, match="lies ahead, got one 60 s ago"):
        blocked(ListenerSession("ann"), [], [Block("Moby", NOW - 60)], now=NOW, limits=LIMITS)


def test_every_change_of_blocks_raises_seq_and_nothing_else_does() -> None:
    once = blocked(ListenerSession("ann"), [Block("a")], [Block("Moby", NOW + 9)], now=NOW, limits=LIMITS)
    assert (once.seq, once.updated_at) == (1, NOW)
    assert blocked(once, [Block("a")], [], now=NOW + 1, limits=LIMITS) is once
    assert unblocked(once, ["b"], ["Queen"], now=NOW + 1) is once
    lifted = unblocked(once, ["a"], ["moby"], now=NOW + 1)
    assert (lifted.seq, lifted.blocked_tracks, lifted.blocked_artists) == (2, (), ())


def test_blocks_that_are_over_go_at_the_next_event() -> None:
    session = blocked(ListenerSession("ann"), [Block("a", NOW + 1)], [Block("Moby", NOW + 2)], now=NOW, limits=LIMITS)
    event = ListenerEvent("e", "ann", EventKind.PLAYED, "b", NOW + 1)
    after, _ = session.after(event, known=True, now=NOW + 1, limits=LIMITS)
    assert (after.blocked_tracks, after.blocked_artists) == ((), (Block("Moby", NOW + 2),))


def test_a_dislike_always_finds_room_and_is_for_good() -> None:
    """What ends soonest makes room for it, a block with an end becomes one without."""
    session = blocked(
        ListenerSession("ann"), [Block("a"), Block("b", NOW + 50), Block("c", NOW + 90)], [], now=NOW, limits=LIMITS
    )
    for number, track_id in enumerate(("c", "d", "e")):
        event = ListenerEvent(track_id, "ann", EventKind.DISLIKED, track_id, NOW + number)
        session, _ = session.after(event, known=True, now=NOW + number, limits=LIMITS)
    assert session.blocked_tracks == (Block("c"), Block("d"), Block("e"))
