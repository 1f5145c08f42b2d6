"""The event log as files: Parquet, one folder a day, each file whole and never longer than it says.

    data/events/
      event-log.json                          what this folder is
      day=2026-11-23/
        1763862600123.parquet                 one round of collecting, named by the millisecond it was written at
        1763862600123-1763866200456.parquet   the rounds from one to the other, compacted into one file

A file whose rounds lie within those of another is superseded: it is on its way out and not read. Rows are in the
order in which they were logged, lane by lane. The footer says up to where the collector had read each lane, and how
many of the rows are marks. Knows nothing of Redis, and of what is learned from the log.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.event_log import Forgotten, LogEntry, Merged, legible
from app.errors import UnreadableSource

MANIFEST = "event-log.json"
VERSION = 1
FOOTER = b"segue.event_log"
FORGOTTEN = "forgotten"
MERGED = "merged"

_TIME = pa.timestamp("ms", tz="UTC")
_NAME = re.compile(r"(\d{13,})(?:-(\d{13,}))?\.parquet")
SCHEMA = pa.schema(
    [
        # Lane, time and number in that millisecond: together the name of one entry, for good.
        ("lane", pa.uint8()),
        ("logged_at", _TIME),
        ("logged_n", pa.int32()),
        # A kind of event, or what a mark says.
        ("kind", pa.string()),
        # Of whom; of a mark `forgotten`, null.
        ("listener_id", pa.string()),
        ("track_id", pa.string()),
        ("at", _TIME),
        ("received_at", _TIME),
        ("outcome", pa.string()),
        ("seq", pa.int64()),
        ("session_id", pa.string()),
        ("checkpoint_id", pa.string()),
        ("event_id", pa.string()),
        # Of a mark `merged`: who the listener is from now on. Of a mark `forgotten`: the digest of the listener's id.
        ("merged_into", pa.string()),
        ("listener_digest", pa.string()),
    ]
)

Logged = tuple[int, int, int, LogEntry | Forgotten | Merged]  # (lane, milliseconds, number, what)


@dataclass(frozen=True, slots=True, order=True)
class LogFile:
    """One file of the log: the rounds it holds, first and last."""

    day: str
    first: int
    last: int
    path: Path

    def covers(self, other: "LogFile") -> bool:
        """Tell whether the other file's rounds are all in this one."""
        return self != other and self.day == other.day and self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself: the collector's cursors after it, as JSON, and how many of its rows are marks."""

    cursors: Mapping[str, Any]
    marks: int

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return the Parquet metadata that says so."""
        return {FOOTER: json.dumps({"version": VERSION, "cursors": self.cursors, "marks": self.marks}).encode()}


@dataclass(frozen=True, slots=True)
class LogDay:
    """What the log holds of one day: rows, marks among them, files, and their size in bytes."""

    day: str
    rows: int
    marks: int
    files: int
    size: int


def name_of(first: int, last: int) -> str:
    """Return the name of a file that holds these rounds."""
    return f"{first:013d}.parquet" if first == last else f"{first:013d}-{last:013d}.parquet"


def all_files(folder: Path) -> list[LogFile]:
    """Return every file of a log, oldest first, superseded ones included."""
    found = []
    for path in folder.glob("day=*/*.parquet"):
        if named := _NAME.fullmatch(path.name):
            first = int(named[1])
            found.append(LogFile(path.parent.name.removeprefix("day="), first, int(named[2] or first), path))
    return sorted(found)


def superseded(files: Sequence[LogFile]) -> dict[LogFile, LogFile]:
    """Return those files whose rounds are all in another, with that other."""
    covering: dict[LogFile, LogFile] = {}
    widest: LogFile | None = None
    for file in sorted(files, key=lambda file: (file.day, file.first, -file.last)):
        if widest is not None and widest.covers(file):
            covering[file] = widest
        elif widest is None or widest.day != file.day or file.last > widest.last:
            widest = file
    return covering


def current_files(folder: Path) -> list[LogFile]:
    """Return the files that make up a log, oldest first: each round is in one of them."""
    files = all_files(folder)
    covered = superseded(files)
    return [file for file in files if file not in covered]


def footer_of(path: Path) -> Footer:
    """Read what a file says of itself. Raise `UnreadableSource` when it is no file of an event log, or a newer one."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        said = json.loads(metadata[FOOTER])
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise UnreadableSource(
            f"Expected a file of the event log at {path}, but it does not say so ({error!r}). Move it elsewhere."
        ) from error
    if said["version"] > VERSION:
        raise UnreadableSource(
            f"Expected an event log of version {VERSION} at {path}, got {said['version']}: a newer Segue wrote it. "
            "Upgrade this one."
        )
    return Footer(said["cursors"], said["marks"])


def days_of(folder: Path) -> list[LogDay]:
    """Return what a log holds, day by day; nothing where there is no log."""
    files = current_files(folder)
    return [
        LogDay(
            day,
            sum(pq.read_metadata(file.path).num_rows for file in own),
            sum(footer_of(file.path).marks for file in own),
            len(own),
            sum(file.path.stat().st_size for file in own),
        )
        for day, own in ((day, list(group)) for day, group in groupby(files, key=lambda file: file.day))
    ]


def table_of(logged: Iterable[Logged]) -> pa.Table:
    """Return entries and marks as rows."""
    rows = [_row(*one) for one in logged]
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _row(lane: int, at_ms: int, number: int, what: LogEntry | Forgotten | Merged) -> tuple[Any, ...]:
    if isinstance(what, Forgotten):
        return (lane, at_ms, number, FORGOTTEN, *[None] * 10, what.listener_digest.hex())
    if isinstance(what, Merged):
        return (lane, at_ms, number, MERGED, legible(what.listener_id), *[None] * 8, legible(what.into), None)
    return (
        *(lane, at_ms, number, what.kind.value, legible(what.listener_id), legible(what.track_id)),
        *(round(what.at * 1000), round(what.received_at * 1000), what.outcome.value, what.seq),
        *(legible(what.session_id), legible(what.checkpoint_id), legible(what.event_id), None, None),
    )
