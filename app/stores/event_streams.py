"""The event log while it waits in Redis: one stream a lane, read from a cursor, trimmed up to a cursor.

Knows nothing of files.
"""

import logging
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.errors import CollectedElsewhere, SessionStoreUnavailable
from app.stores import scripts
from app.stores.event_record import DamagedEntry, Written, decode
from app.stores.exchange import Exchange, checked, is_of_another_type
from app.stores.keys import COLLECTOR_KEY, LANES, events_key

logger = logging.getLogger(__name__)


class EntryId(NamedTuple):
    """What Redis calls an entry: the millisecond it was added in, and its number in that millisecond."""

    at_ms: int
    number: int

    @classmethod
    def read(cls, text: bytes) -> "EntryId":
        """Return the id that Redis writes as `1763862600123-0`."""
        at_ms, _, number = text.partition(b"-")
        return cls(int(at_ms), int(number))

    def __str__(self) -> str:
        return f"{self.at_ms}-{self.number}"


class Cursor(NamedTuple):
    """Up to where a lane has been read: the last entry, and how many had been added to the lane up to it."""

    entry: EntryId
    added: int


START = Cursor(EntryId(0, 0), 0)
"""Before the first entry there ever was."""


class Waiting(NamedTuple):
    """One entry and how many had been added up to it; `written` is None for one that cannot be read."""

    cursor: Cursor
    written: Written | None


@dataclass(frozen=True, slots=True)
class LaneRead:
    """What a lane held after a cursor, and the cursor behind all of it.

    `lost` entries had been trimmed before they were read. `behind` tells that the lane's newest entry is older than
    the cursor: another server answers, one that had not heard of all of them.
    """

    lane: int
    entries: Sequence[Waiting]
    reached: Cursor
    lost: int
    behind: bool
    more: bool


class EventStreams:
    """The streams of all lanes."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def read(self, cursors: Mapping[int, Cursor], count: int) -> list[LaneRead]:
        """Read every lane after its cursor, at most `count` entries of each.

        Lanes on a node that does not answer are left out; raise `SessionStoreUnavailable` when none answers.
        """
        replies = await self._exchange.run_each(
            scripts.READ_LANE,
            [(1, events_key(lane), str(cursors.get(lane, START).entry), count) for lane in range(LANES)],
        )
        if all(isinstance(reply, SessionStoreUnavailable) for reply in replies):
            raise replies[0]
        reads = []
        for lane, reply in enumerate(replies):
            if isinstance(reply, SessionStoreUnavailable):
                logger.warning("Lane %d of the event log cannot be read now: %s", lane, reply)
            elif is_of_another_type(reply):
                logger.error("Expected the event log at %s, found another type. Delete it.", events_key(lane).decode())
            else:
                reads.append(_lane_read(lane, cursors.get(lane), checked(reply), count))
        return reads

    async def trim(self, cursors: Mapping[int, Cursor]) -> None:
        """Take the entries up to each cursor out of its lane; where a node does not answer they stay."""
        await self._exchange.answers(
            [
                ("XTRIM", events_key(lane), "MINID", "=", str(EntryId(entry.at_ms, entry.number + 1)))
                for lane, (entry, _) in cursors.items()
            ]
        )

    async def hold(self, log_id: str, lease_s: int) -> None:
        """Take or keep the right to collect, for so long; raise `CollectedElsewhere` while another log has it.

        Two that collect would each get a part, and a listener would be forgotten in one of them only.
        """
        [held] = await self._exchange.run(scripts.HOLD, [(1, COLLECTOR_KEY, log_id, socket.gethostname(), lease_s)])
        if checked(held):
            raise CollectedElsewhere(
                f"Expected to be the only one who collects from this Redis, but {held.decode()!r} (log and machine) "
                f"does. Set SEGUE_COLLECT_EVENTS=false here, or stop the other: {lease_s} s later this one goes on."
            )

    async def let_go(self, log_id: str) -> None:
        """Give up the right to collect."""
        await self._exchange.run(scripts.LET_GO, [(1, COLLECTOR_KEY, log_id)])

    async def aclose(self) -> None:
        """Close every connection."""
        await self._exchange.aclose()


def _lane_read(lane: int, known: Cursor | None, reply: Any, count: int) -> LaneRead:
    added, length, last, entries = reply
    cursor, trimmed, more = known or START, added - length, len(entries) == count
    # How many had been added up to the first of these: counted from the end if all were read, else from the cursor,
    # unless what was trimmed goes beyond it.
    before = max(trimmed, cursor.added) if more else added - len(entries)
    # A lane never read before may have been collected elsewhere; one with fewer entries than before is another.
    lost = max(0, before - cursor.added) if known is not None and added >= cursor.added else 0
    waiting = [
        Waiting(Cursor(EntryId.read(name), before + number), _read(lane, fields))
        for number, (name, fields) in enumerate(entries, start=1)
    ]
    reached = waiting[-1].cursor if waiting else Cursor(cursor.entry, before)
    return LaneRead(lane, waiting, reached, lost, EntryId.read(last) < cursor.entry, more)


def _read(lane: int, fields: Sequence[bytes]) -> Written | None:
    try:
        if fields[0] != b"e":
            raise DamagedEntry(f"expected the field 'e', got {fields[0]!r}")
        return decode(fields[1])
    except DamagedEntry as damage:
        logger.error("An entry of lane %d of the event log cannot be read and is left out: %s", lane, damage)
        return None
