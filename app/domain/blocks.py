"""What a listener does not want to hear: tracks or artists, for good or until a time.

A tuple of blocks holds each name once, the newest block last. Knows nothing of catalogues or of listening.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf

from app.domain.spelling import text_key

Key = Callable[[str], str]

# When two names mean the same: track ids to the letter, artists however they are spelled.
TRACK_KEY: Key = str
ARTIST_KEY: Key = text_key


@dataclass(frozen=True, slots=True)
class Block:
    """One track or artist that may not come next. `until` is in seconds since 1970, UTC, to the millisecond.

    None: for good.
    """

    what: str
    until: float | None = None

    @property
    def end(self) -> float:
        """When it ends, infinity where it never does."""
        return inf if self.until is None else self.until

    def holds(self, now: float) -> bool:
        """Tell whether it is in force: at its end it no longer is."""
        return now < self.end


def holding(blocks: tuple[Block, ...], now: float) -> tuple[Block, ...]:
    """Return the blocks that are in force."""
    if all(block.holds(now) for block in blocks):
        return blocks
    return tuple(block for block in blocks if block.holds(now))


def setting(blocks: tuple[Block, ...], new: Sequence[Block], key: Key) -> tuple[Block, ...]:
    """Return the blocks with new ones at the end; a new one takes the place of that of the same name."""
    if set(new) <= set(blocks):
        return blocks
    latest = {key(block.what): block for block in new}
    return (*lifting(blocks, latest, key), *latest.values())


def lifting(blocks: tuple[Block, ...], names: Collection[str], key: Key) -> tuple[Block, ...]:
    """Return the blocks without those of the names."""
    lifted = {key(name) for name in names}
    return tuple(block for block in blocks if key(block.what) not in lifted)


def uniting(blocks: tuple[Block, ...], others: tuple[Block, ...], key: Key) -> tuple[Block, ...]:
    """Return the blocks of both; of two of the same name the one that ends later."""
    ends = {key(block.what): block.end for block in blocks}
    return setting(blocks, [block for block in others if block.end > ends.get(key(block.what), -inf)], key)


def within(blocks: tuple[Block, ...], limit: int) -> tuple[Block, ...]:
    """Return at most `limit` blocks: those that end soonest go first, among those for good the oldest."""
    surplus = len(blocks) - limit
    if surplus <= 0:
        return blocks
    dropped = set(sorted(range(len(blocks)), key=lambda place: blocks[place].end)[:surplus])
    return tuple(block for place, block in enumerate(blocks) if place not in dropped)
