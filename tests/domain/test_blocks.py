"""Blocks: each name once, for good or until a time, never more than the limit."""

import pytest

from app.domain.blocks import ARTIST_KEY, TRACK_KEY, Block, holding, lifting, setting, uniting, within
from app.domain.events import EventKind, ListenerEvent
from app.domain.session import ListenerSession, SessionLimits
from app.errors import InvalidBlock

NOW = 1_700_000_000.0
LIMITS = SessionLimits(blocks=3)


def names(blocks: tuple[Block, ...]) -> list[str]:
    return [block.what for block in blocks]


@pytest.mark.parametrize(("now", "holds"), [(NOW - 0.001, True), (NOW, False), (NOW + 0.001, False)])
def test_a_block_is_over_at_its_end(now: float, holds: bool) -> None:
    """The millisecond before it still holds."""
    assert Block("a", NOW).holds(now) is holds
    assert holding((Block("a", NOW), Block("b")), now) == ((Block("a", NOW), Block("b")) if holds else (Block("b"),))


def test_a_new_block_takes_the_place_of_that_of_the_same_name() -> None:
    """Artists by any spelling, tracks to the letter; the same block again changes nothing."""
    blocks = (Block("Moby", NOW), Block("Queen"))
    assert setting(blocks, [Block("MOBY")], ARTIST_KEY) == (Block("Queen"), Block("MOBY"))
    assert setting(blocks, [Block("MOBY")], TRACK_KEY) == (*blocks, Block("MOBY"))
    assert setting(blocks, [Block("Queen")], ARTIST_KEY) is blocks
    assert lifting(blocks, ["queen"], ARTIST_KEY) == (Block("Moby", NOW),)


def test_of_two_of_one_name_the_one_that_ends_later_is_united() -> None:
    one = (Block("a", NOW), Block("b"))
    other = (Block("a", NOW + 1), Block("b", NOW), Block("c", NOW))
    assert uniting(one, other, TRACK_KEY) == (Block("b"), Block("a", NOW + 1), Block("c", NOW))


def test_what_ends_soonest_makes_room() -> None:
    """Among those for good the oldest does."""
    blocks = (Block("good"), Block("later", NOW + 2), Block("soon", NOW + 1), Block("better"))
    assert [names(within(blocks, limit)) for limit in (4, 3, 2, 1)] == [
        ["good", "later", "soon", "better"],
        ["good", "later", "better"],
        ["good", "better"],
        ["better"],
    ]


def test_one_too_many_is_refused_and_changes_nothing() -> None:
    session = ListenerSession("ann").blocking([Block("a"), Block("b"), Block("c")], [], now=NOW, limits=LIMITS)
    with pytest.raises(InvalidBlock, match="at most 3 blocked tracks, got 4"):
        session.blocking([Block("d")], [], now=NOW, limits=LIMITS)
    assert names(session.blocking([Block("c", NOW + 1)], [], now=NOW, limits=LIMITS).blocked_tracks) == ["a", "b", "c"]


def test_a_block_that_is_over_is_refused() -> None:
    """A date in the past is a mistake worth a sentence."""
    with pytest.raises(InvalidBlock, match="lies ahead, got one 60 s ago"):
        ListenerSession("ann").blocking([], [Block("Moby", NOW - 60)], now=NOW, limits=LIMITS)


def test_every_change_of_blocks_raises_seq_and_nothing_else_does() -> None:
    blocked = ListenerSession("ann").blocking([Block("a")], [Block("Moby", NOW + 9)], now=NOW, limits=LIMITS)
    assert (blocked.seq, blocked.updated_at) == (1, NOW)
    assert blocked.blocking([Block("a")], [], now=NOW + 1, limits=LIMITS) is blocked
    assert blocked.unblocking(["b"], ["Queen"], now=NOW + 1) is blocked
    lifted = blocked.unblocking(["a"], ["moby"], now=NOW + 1)
    assert (lifted.seq, lifted.blocked_tracks, lifted.blocked_artists) == (2, (), ())


def test_blocks_that_are_over_go_at_the_next_event() -> None:
    session = ListenerSession("ann").blocking([Block("a", NOW + 1)], [Block("Moby", NOW + 2)], now=NOW, limits=LIMITS)
    event = ListenerEvent("e", "ann", EventKind.PLAYED, "b", NOW + 1)
    after, _ = session.after(event, known=True, now=NOW + 1, limits=LIMITS)
    assert (after.blocked_tracks, after.blocked_artists) == ((), (Block("Moby", NOW + 2),))


def test_a_dislike_always_finds_room_and_is_for_good() -> None:
    """What ends soonest makes room for it, a block with an end becomes one without."""
    session = ListenerSession("ann").blocking(
        [Block("a"), Block("b", NOW + 50), Block("c", NOW + 90)], [], now=NOW, limits=LIMITS
    )
    for number, track_id in enumerate(("c", "d", "e")):
        event = ListenerEvent(track_id, "ann", EventKind.DISLIKED, track_id, NOW + number)
        session, _ = session.after(event, known=True, now=NOW + number, limits=LIMITS)
    assert session.blocked_tracks == (Block("c"), Block("d"), Block("e"))
