"""What the event log holds of one listener: what waits in Redis, and what has been collected into files.

For the listener to see, which is rare: everything is looked through. Whoever trains reads the files by day.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.domain.event_log import LogEntry, legible
from app.domain.events import EventKind, Outcome
from app.formats.event_log import SCHEMA, current_files, footer_of, table_of
from app.formats.event_log_marks import MARK_COLUMNS, Marks, Merge, owners, usable
from app.stores.event_files import read_file
from app.stores.event_streams import Cursor, EventStreams

# Of each of the 64 lanes at a time.
PORTION = 1000
_PLACE = ("lane", "logged_at", "logged_n")


class ListenerLog:
    """Reads single listeners' entries out of the streams and the folder of the event log."""

    def __init__(self, streams: EventStreams, folder: Path) -> None:
        self._streams = streams
        self._folder = folder
        # Each looks through everything: many at once would slow down all else.
        self._turn = asyncio.Lock()

    async def entries(self, listener_id: str) -> list[LogEntry]:
        """Return what is written down of a listener, and of those merged into the listener, in the order of logging.

        What was logged before the listener was forgotten counts as gone, also where it has not been taken out yet.
        Raises SessionStoreUnavailable.
        """
        async with self._turn:
            return list(_entries(await self._rows(legible(listener_id))))

    async def _rows(self, name: str) -> pa.Table:
        """Return the rows of a listener in the order of logging; some may come twice."""
        # First what waits: the collector moves on meanwhile, and what it moves is then found in the files.
        marks = Marks({}, ())
        async for table in self._waiting():
            marks = marks.joined(Marks.of([table]))
        marks = marks.joined(await asyncio.to_thread(lambda: Marks.of(self._collected(MARK_COLUMNS, marked=True))))
        names = pa.array(sorted(_merged_into(name, marks.merges)))
        parts = [table.filter(pc.is_in(table["listener_id"], names)) async for table in self._waiting()]
        parts += await asyncio.to_thread(
            lambda: [table.filter(pc.is_in(table["listener_id"], names)) for table in self._collected()]
        )
        rows = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
        rows = rows.filter(pa.array(usable(rows, marks.ends)))
        rows = rows.filter(pc.equal(owners(rows, marks.merges), name))
        rows = rows.filter(pc.is_in(rows["kind"], pa.array([kind.value for kind in EventKind])))
        return rows.sort_by([(column, "ascending") for column in ("logged_at", "lane", "logged_n")])

    async def _waiting(self) -> AsyncIterator[pa.Table]:
        cursors: dict[int, Cursor] = {}
        more = True
        while more:
            reads = await self._streams.read(cursors, PORTION)
            cursors |= {read.lane: read.reached for read in reads}
            more = any(read.more for read in reads)
            yield table_of(
                (read.lane, *one.cursor.entry, one.written)
                for read in reads
                for one in read.entries
                if one.written is not None
            )

    def _collected(self, columns: tuple[str, ...] | None = None, *, marked: bool = False) -> Iterator[pa.Table]:
        for file in current_files(self._folder):
            if not marked or footer_of(file.path).marks:
                yield from read_file(file.path, columns)


def _merged_into(name: str, merges: Iterable[Merge]) -> set[str]:
    """Return the listener and everybody who was ever merged into the listener, over any others."""
    sources: dict[str, set[str]] = {}
    for merge in merges:
        sources.setdefault(merge.into, set()).add(merge.listener_id)
    names: set[str] = set()
    left = {name}
    while left:
        one = left.pop()
        names.add(one)
        left |= sources.get(one, set()) - names
    return names


def _entries(rows: pa.Table) -> Iterator[LogEntry]:
    """Yield rows as the entries they are, each once: what is being collected may be in both places."""
    seen: set[tuple[Any, ...]] = set()
    for row in rows.to_pylist():
        place = tuple(row[column] for column in _PLACE)
        if place not in seen:
            seen.add(place)
            yield LogEntry(
                row["event_id"],
                row["listener_id"],
                EventKind(row["kind"]),
                row["track_id"],
                row["at"].timestamp(),
                row["received_at"].timestamp(),
                Outcome(row["outcome"]),
                row["seq"],
                row["session_id"],
                row["checkpoint_id"],
            )
