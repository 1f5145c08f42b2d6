"""Moves the event log from Redis into files, round by round, each entry exactly once.

A round reads every lane after its cursor, commits what was logged on the earliest day as one file together with the
new cursors, and only then lets Redis forget it. Killed before the commit, it is done again; killed after it, the
cursors say so. The mark of a forgotten listener takes the listener's rows out of the older files before its own round
is committed, so that this is done again too.

Knows nothing of what is learned from the log.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from math import ceil
from time import time

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from app.errors import SegueError, SessionStoreUnavailable
from app.formats.event_log import table_of
from app.formats.event_log_marks import Marks, usable
from app.stores.event_log import EventLog
from app.stores.event_round import Round
from app.stores.event_streams import START, EventStreams, LaneRead

log = structlog.get_logger(__name__)

# Of each lane, in one round: at most about 130,000 entries and 20 MB altogether.
LANE_ENTRIES = 2048
LONGEST_PAUSE_S = 60.0
# How long after the last round of a log another may collect from the same Redis.
LEASE_S = 60
REPORT_INTERVAL_S = 60.0


@dataclass
class Tally:
    """What happened since the last report; `lag_s` is how old the oldest entry of the last round was when it was in."""

    collected: int = 0
    erased: int = 0
    lost: int = 0
    unreadable: int = 0
    lag_s: float = 0.0


class Collector:
    """Collects from the streams into a log that is open."""

    def __init__(self, streams: EventStreams, events: EventLog) -> None:
        self._streams = streams
        self._events = events
        self._cursors = dict(events.cursors)
        self._marks = events.marks()
        # Lanes whose server knows less than was collected: what is read there may be in the log already.
        self._behind: set[int] = set()
        self._lease_s = LEASE_S
        self.tally = Tally()

    async def run(self, ending: asyncio.Event, *, interval_s: float) -> None:
        """Collect until told to end, and then what is still waiting. What fails is logged and tried again."""
        self._lease_s = LEASE_S + ceil(2 * interval_s)
        with suppress(SessionStoreUnavailable):
            await self._streams.trim(self._cursors)  # the one before may have been killed between commit and trim
        failed_for_s, reported_at = 0.0, time()
        while not ending.is_set():
            try:
                self._events.compact()
                pause_s = 0.0 if await self.round() else interval_s
                failed_for_s = 0.0
            except (SegueError, OSError, pa.ArrowException) as failure:
                failed_for_s = pause_s = min(max(1.0, 2 * failed_for_s), LONGEST_PAUSE_S)
                log.error("events_not_collected", reason=str(failure), events="wait in Redis", again_in_s=pause_s)
            if time() - reported_at >= REPORT_INTERVAL_S:
                reported_at = time()
                self.report()
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), pause_s)
        try:
            await self.drain()
        except (SegueError, OSError, pa.ArrowException) as failure:
            log.error("events_not_collected", reason=str(failure), events="wait in Redis for the next start")

    async def drain(self) -> None:
        """Collect everything that waits, and report."""
        try:
            while await self.round():
                pass
        finally:
            self.report()

    async def let_go(self) -> None:
        """Let others collect from the same Redis, at once instead of a minute later."""
        with suppress(SessionStoreUnavailable):
            await self._streams.let_go(self._events.log_id)

    def report(self) -> None:
        """Log what happened since the last report, if anything did."""
        if any((self.tally.collected, self.tally.erased, self.tally.lost, self.tally.unreadable)):
            log.info("events_collected", **asdict(self.tally))
        self.tally = Tally()

    async def round(self) -> bool:
        """Collect once; tell whether more was waiting than a round takes.

        Raises CollectedElsewhere, SessionStoreUnavailable, EventLogNotWritable and NewerLogEntry, with nothing
        committed or trimmed.
        """
        # Of a cluster the node that says who collects may be away: it has most likely not changed its mind.
        with suppress(SessionStoreUnavailable):
            await self._streams.hold(self._events.log_id, self._lease_s)
        reads = self._followed(await self._streams.read(self._cursors, LANE_ENTRIES))
        self._count_lost(sum(read.lost for read in reads))
        found = Round.of(reads)
        if found.moved:
            rows = self._unheld(table_of(found.logged))
            rows, marks = self._without_forgotten(rows)
            self._events.commit(found.day, rows, {**self._cursors, **found.cursors})
            self._marks = marks
            self._behind -= found.moved.keys()
            self.tally.collected += rows.num_rows
            self.tally.unreadable += found.unreadable
            self.tally.lag_s = round(time() - found.oldest_ms / 1000, 3)
        self._cursors |= found.cursors
        with suppress(SessionStoreUnavailable):
            await self._streams.trim(found.moved)
        return found.more

    def _followed(self, reads: Sequence[LaneRead]) -> list[LaneRead]:
        """Start those lanes anew whose server knows less than was collected: after a fail-over, or another server."""
        behind = {read.lane for read in reads if read.behind}
        if behind:
            log.warning("event_log_went_back", lanes=len(behind), reason="this Redis lacks what was collected before")
        anew = [LaneRead(read.lane, (), START, 0, behind=True, more=True) for read in reads if read.behind]
        # What was trimmed of a lane that is read anew had been collected.
        known = [replace(read, lost=0) if read.lane in self._behind else read for read in reads if not read.behind]
        self._behind |= behind
        return [*anew, *known]

    def _count_lost(self, lost: int) -> None:
        if lost:
            self.tally.lost += lost
            log.error(
                "events_lost",
                entries=lost,
                reason="they were trimmed before they were collected",
                advice="raise SEGUE_WAITING_EVENTS, and see why nothing was collected",
            )

    def _unheld(self, rows: pa.Table) -> pa.Table:
        """Leave out what is in the log already, of lanes that are read anew."""
        for lane in self._behind:
            own = pc.equal(rows["lane"], lane)
            read_anew = rows.filter(own)
            new = read_anew.filter(pc.invert(self._events.holds(lane, read_anew)))
            rows = pa.concat_tables([rows.filter(pc.invert(own)), new])
        return rows

    def _without_forgotten(self, rows: pa.Table) -> tuple[pa.Table, Marks]:
        """Take the rows of forgotten listeners out of the log and of these; return what is left and all marks."""
        found = Marks.of([rows])
        if not found:
            return rows, self._marks
        marks = self._marks.joined(found)
        ends, before = marks.ends, self._marks.ends
        kept = rows.filter(pa.array(usable(rows, ends)))
        new: Mapping[str, int] = {digest: end for digest, end in ends.items() if before.get(digest) != end}
        if new:
            self.tally.erased += self._events.erase(new) + rows.num_rows - kept.num_rows
        return kept, marks
