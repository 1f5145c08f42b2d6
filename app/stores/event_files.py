"""Single files of the event log: written aside and put in place in one step, read in portions.

Knows nothing of rounds and of what is in the rows, but for counting marks.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.errors import EventLogNotWritable
from app.formats.event_log import FORGOTTEN, MERGED, SCHEMA, Footer
from app.stores.durable_files import sync

ASIDE = ".aside-"
# About 20 MB of rows: what a reader or writer holds at a time.
PORTION = 131_072


def write_file(path: Path, tables: Iterable[pa.Table], cursors: Footer) -> None:
    """Write rows and the cursors of a footer, on disk and complete before the name appears or changes hands.

    The folder is made if it is missing. Raises EventLogNotWritable when there is no room or no right to write; nothing
    is left behind then.
    """
    aside = path.with_name(f"{ASIDE}{os.getpid()}-{path.name}")
    try:
        if not path.parent.is_dir():
            path.parent.mkdir()
            sync(path.parent.parent)
        with pq.ParquetWriter(aside, SCHEMA, compression="zstd") as writer:
            marks = 0
            for table in _portions(tables):
                marks += pc.sum(pc.is_in(table["kind"], pa.array([FORGOTTEN, MERGED]))).as_py() or 0
                writer.write_table(table)
            writer.add_key_value_metadata(Footer(cursors.cursors, marks).to_metadata())
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        raise EventLogNotWritable(
            f"Expected to write {path}, but: {error}. Make room, or let this user write there; what was not written "
            "waits in Redis.",
            retry_after_s=60,
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def read_file(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield a file's rows in portions."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PORTION, columns=columns):
            yield pa.Table.from_batches([batch])


def _portions(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Gather small tables: a row group for each of a thousand rounds would be read as slowly as a thousand files."""
    gathered: list[pa.Table] = []
    for table in tables:
        gathered.append(table)
        if sum(one.num_rows for one in gathered) >= PORTION:
            yield pa.concat_tables(gathered)
            gathered = []
    if gathered:
        yield pa.concat_tables(gathered)
