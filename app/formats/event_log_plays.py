"""The event log as listening histories: what each listener heard, when; the food of the next training.

Read are the tracks that the network would have read too: played, finished and seeded ones, less those that were then
skipped or disliked. Left out is who asked to be forgotten; who was merged into another listener is that one. Knows
nothing of how histories are cut into sessions.
"""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.domain.events import EventKind
from app.formats.columns import Layout
from app.formats.event_log import VERSION, current_files, footer_of
from app.formats.event_log_marks import MARK_COLUMNS, PLACE_COLUMNS, Marks, owners, usable
from app.formats.listen import Batch
from app.formats.source import SourceFile

COLUMNS = (*PLACE_COLUMNS, "lane", "kind", "track_id", "at")
LANES = 256  # as many as a row can name
# What is held in memory at a time; a listener's rows are always all of them.
MOST_ROWS = 4_000_000
# A skip belongs to a play of the same sitting. As long as a session may pause by default.
SITTING_MS = 1_800_000

_KINDS = [kind.value for kind in EventKind]  # of events; marks are of others
_ADVANCING = [kind.value for kind in EventKind if kind.advances]
_WITHDRAWING = [kind.value for kind in EventKind if kind.withdraws]


def read_event_log(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield what was heard, listener by listener, of the log that a manifest lies in."""
    try:
        if json.loads(source.read())["version"] > VERSION:
            raise source.refuse(f"an event log of version {VERSION}", "A newer Segue wrote it; upgrade this one.")
        files = [file.path for file in current_files(source.path.parent)]
        marked = [
            pq.read_table(path, columns=list(MARK_COLUMNS), partitioning=None)
            for path in files
            if footer_of(path).marks
        ]
        marks = Marks.of(marked)
        ends = marks.ends
        parts = 1 + sum(pq.read_metadata(path).num_rows for path in files) // MOST_ROWS
        line = 1
        for lanes in np.array_split(np.arange(LANES, dtype=np.uint8), min(parts, LANES)):
            tables = []
            for path in files:
                table = pq.read_table(
                    path, columns=list(COLUMNS), filters=pc.field("lane").isin(lanes.tolist()), partitioning=None
                )
                tables.append(table.filter(pa.array(usable(table, ends))))
            if tables:
                plays = _plays(pa.concat_tables(tables).combine_chunks(), marks)
                yield Batch(plays.append_column("line", pa.arange(line, line + plays.num_rows)))
                line += plays.num_rows
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise source.refuse("a whole event log", f"It cannot be read: {error}") from error


def _plays(rows: pa.Table, marks: Marks) -> pa.Table:
    """Return what was heard among the rows, by listener and time; of equal times in the order they were logged."""
    rows = rows.filter(pc.is_in(rows["kind"], pa.array(_KINDS)))
    listeners = _numbered(rows["listener_id"])
    at_ms = rows["at"].cast(pa.int64()).to_numpy()
    order = np.lexsort((np.arange(rows.num_rows), at_ms, listeners))
    rows = rows.take(pa.array(order))
    heard = _heard(listeners[order], _numbered(rows["track_id"]), at_ms[order], rows["kind"].to_pylist())
    rows = rows.filter(pa.array(heard, pa.bool_()))
    return pa.table(
        {
            "listener": owners(rows, marks.merges),
            "time": pc.cast(pc.floor(pc.divide(pc.cast(rows["at"], pa.int64()), 1000)), pa.string()),
            "track_id": rows["track_id"],
        }
    )


def _heard(
    listeners: NDArray[np.int64], tracks: NDArray[np.int64], at_ms: NDArray[np.int64], kinds: Sequence[str]
) -> list[bool]:
    """Tell which rows were heard, in the manner of `ListenerSession.after`: rows are in order of listener and time.

    A skip or dislike takes back the newest play of its track in this sitting; a `finished` that confirms the track
    just heard is no second hearing. Whatever else a listener does shows that the sitting goes on.
    """
    heard = [kind in _ADVANCING for kind in kinds]
    sitting: list[int] = []
    before = -1
    rows = zip(listeners.tolist(), tracks.tolist(), at_ms.tolist(), kinds, strict=True)
    last_listener, last_at = -1, 0
    for row, (listener, track, at, kind) in enumerate(rows):
        if listener != last_listener or at - last_at >= SITTING_MS:
            sitting = []
        last_listener, last_at = listener, at
        before = sitting[-1] if sitting else -1
        if kind in _WITHDRAWING:
            played = (one for one in reversed(sitting) if tracks[one] == track and kinds[one] == EventKind.PLAYED)
            if (taken_back := next(played, None)) is not None:
                heard[taken_back] = False
                sitting.remove(taken_back)
        elif kind == EventKind.FINISHED and before >= 0 and tracks[before] == track:
            heard[row] = False
        elif heard[row]:
            sitting.append(row)
    return heard


def _numbered(column: pa.ChunkedArray) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = pc.dictionary_encode(column).combine_chunks().indices.to_numpy().astype(np.int64)
    return numbers
