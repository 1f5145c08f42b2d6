"""One round of collecting: what was read of all lanes, cut at the end of the earliest day.

Knows nothing of Redis and of files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.formats.event_log import Logged
from app.stores.event_streams import Cursor, LaneRead


@dataclass(frozen=True)
class Round:
    """The entries of one day in the order they were logged, lane by lane, and the cursors behind them.

    `moved` are the cursors of the lanes that entries were taken of, `cursors` those of every lane that was read.
    `more` tells that not everything was taken.
    """

    day: str
    oldest_ms: int
    logged: Sequence[Logged]
    unreadable: int
    moved: Mapping[int, Cursor]
    cursors: Mapping[int, Cursor]
    more: bool

    @classmethod
    def of(cls, reads: Sequence[LaneRead]) -> "Round":
        """Return the round that these reads make; without any entry it is of the day that 1970 began with."""
        oldest_ms = min((read.entries[0].cursor.entry.at_ms for read in reads if read.entries), default=0)
        day = day_of(oldest_ms)
        taken = {read.lane: [one for one in read.entries if day_of(one.cursor.entry.at_ms) == day] for read in reads}
        moved = {lane: entries[-1].cursor for lane, entries in taken.items() if entries}
        whole = {read.lane: read.reached for read in reads if len(taken[read.lane]) == len(read.entries)}
        logged = [
            (lane, *one.cursor.entry, one.written)
            for lane, entries in taken.items()
            for one in entries
            if one.written is not None
        ]
        return cls(
            day,
            oldest_ms,
            logged,
            sum(map(len, taken.values())) - len(logged),
            moved,
            whole | moved,
            any(read.more for read in reads) or len(whole) < len(reads),
        )


def day_of(at_ms: int) -> str:
    """Return the day, UTC, as folders are named by it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
