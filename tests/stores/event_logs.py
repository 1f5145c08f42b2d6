"""What the tests of the event log share: listeners who play, and the rows that come of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.domain.event_log import LogEntry
from app.domain.events import EventKind, ListenerEvent
from app.domain.recommendation import EventReceipt
from app.domain.session import ListenerSession
from app.errors import SessionConflict
from app.formats.event_log import SCHEMA, current_files
from app.stores.collector import Collector
from app.stores.event_files import read_file
from app.stores.event_log import EventLog
from app.stores.event_streams import EventStreams
from app.stores.exchange import Exchange
from app.stores.session_store import SessionStore
from tests.stores.conftest import LIMITS, START


def played(session: ListenerSession, event_id: str, at: float = START) -> tuple[ListenerSession, LogEntry]:
    """Return the session after one more track, and the entry for the log."""
    event = ListenerEvent(event_id, session.listener_id, EventKind.PLAYED, f"track {event_id}", at)
    later, outcome = session.after(event, known=True, now=START + 1, limits=LIMITS)
    entry = LogEntry.of(later, event, EventReceipt(event_id, session.listener_id, outcome, later.seq), "checkpoint")
    assert entry is not None
    return later, entry


async def play(store: SessionStore, listener_id: str, *event_ids: str) -> None:
    """Take in events of a listener, each in a commit of its own."""
    for event_id in event_ids:
        while True:
            session = await store.load(listener_id)
            later, entry = played(session, event_id)
            try:
                await store.commit(later, expected=session, entries=[entry])
                break
            except SessionConflict:
                await asyncio.sleep(0)


@asynccontextmanager
async def collecting(url: str, folder: Path) -> AsyncIterator[Collector]:
    """Open a log and collect into it, as one process does."""
    streams = EventStreams(Exchange.connect(url, timeout_s=5.0))
    try:
        with EventLog(folder) as events:
            collector = Collector(streams, events)
            try:
                yield collector
            finally:
                await collector.let_go()
    finally:
        await streams.aclose()


async def collect(url: str, folder: Path) -> None:
    """Collect everything that waits."""
    async with collecting(url, folder) as collector:
        await collector.drain()


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a log, file by file."""
    tables = [table for file in current_files(folder) for table in read_file(file.path)]
    found: list[dict[str, Any]] = pa.concat_tables([SCHEMA.empty_table(), *tables]).to_pylist()
    return found


def heard(folder: Path) -> dict[str, list[str]]:
    """Return the event ids of each listener, in the order of the log."""
    by_listener: dict[str, list[str]] = {}
    for row in rows(folder):
        if row["event_id"] is not None:
            by_listener.setdefault(row["listener_id"], []).append(row["event_id"])
    return by_listener
