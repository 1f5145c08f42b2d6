"""Blocks: each name once, for good or until a time, never more than the limit."""

import pytest

from app.domain.blocks import ARTIST_KEY, TRACK_KEY, Block, holding, lifting, setting, uniting, within

NOW = 1_700_000_000.0


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
