"""What every format of sessions and histories yields: batches of events as text columns, and rejects.

An event says which track was played in which session, or by which listener and when. Values stay text here; what
they mean is decided once, in the import, for all formats alike. Knows nothing of any single format.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

# `played` is how long the track was heard, `duration` how long it is, both in seconds.
FIELDS = (
    "session",
    "listener",
    "time",
    "track_id",
    "artist",
    "title",
    "album",
    "year",
    "genre",
    "tags",
    "duration",
    "duration_ms",
    "explicit",
    "markets",
    "played",
)
BATCH_ROWS = 65536


@dataclass(frozen=True, slots=True)
class Reject:
    """One line that gives no event: `line` counts from 1, 0 stands for the whole file.

    `malformed` tells a mistake in the file from a line that rightly holds something else, such as a podcast.
    """

    line: int
    reason: str
    text: str = ""
    malformed: bool = True


@dataclass(frozen=True)
class Batch:
    """Events in file order. The table holds `line` (int64) and any of FIELDS (string)."""

    events: pa.Table
    rejects: Sequence[Reject] = field(default=())


Row = tuple[int | str | None, ...]


def batches_of(fields: Sequence[str], rows: Iterable[Row | Reject]) -> Iterator[Batch]:
    """Gather rows `(line, *fields)` and rejects, in file order, into batches."""
    gathered: list[Row] = []
    rejects: list[Reject] = []
    for row in rows:
        if isinstance(row, Reject):
            rejects.append(row)
        else:
            gathered.append(row)
        if len(gathered) + len(rejects) >= BATCH_ROWS:
            yield _batch(fields, gathered, rejects)
            gathered, rejects = [], []
    if gathered or rejects:
        yield _batch(fields, gathered, rejects)


def trimmed(table: pa.Table) -> pa.Table:
    """Return the table without white space around any text, whatever its Unicode kind."""
    columns = [
        pc.utf8_trim_whitespace(column) if pa.types.is_string(column.type) else column for column in table.columns
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _batch(fields: Sequence[str], rows: list[Row], rejects: list[Reject]) -> Batch:
    try:
        return Batch(_table(fields, rows), rejects)
    except UnicodeEncodeError:
        # JSON can spell half of a surrogate pair, which is no text; only such a batch pays for looking.
        whole = [row for row in rows if _is_text(row)]
        halved = [Reject(int(row[0] or 0), "not valid Unicode", ascii(row[1:])) for row in rows if not _is_text(row)]
        return Batch(_table(fields, whole), [*rejects, *halved])


def _table(fields: Sequence[str], rows: list[Row]) -> pa.Table:
    columns: Sequence[Sequence[int | str | None]] = list(zip(*rows, strict=True)) or [()] * (len(fields) + 1)
    arrays = {"line": pa.array(columns[0], pa.int64())}
    for name, values in zip(fields, columns[1:], strict=True):
        arrays[name] = pa.array(values, pa.string())
    return trimmed(pa.table(arrays))


def _is_text(row: Row) -> bool:
    try:
        for value in row:
            if isinstance(value, str):
                value.encode()
    except UnicodeEncodeError:
        return False
    return True
