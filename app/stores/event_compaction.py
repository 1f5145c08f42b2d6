"""Keeps the files of the event log few: runs of small ones become one, first within the day, then the whole day.

A compacted file holds the rounds of those it was made of, and its name says so: from the moment it is there they are
superseded, whatever happens next. Knows nothing of the rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from time import time

import pyarrow as pa

from app.formats.event_log import LogFile, all_files, current_files, footer_of, name_of, superseded
from app.stores.event_files import read_file, write_file

# Of the day that is being written. A round every five seconds makes 17,280 files a day; every row is then rewritten
# about three times.
MOST_FILES = 32
RUN = 16
# Of a day gone by: files as large as a reader likes them.
FULL_BYTES = 256 * 1024 * 1024
# Whoever listed the files before they were compacted may still be reading them.
GRACE_S = 3600.0


def compact(folder: Path) -> None:
    """Compact what is due in a log."""
    files = current_files(folder)
    newest = max((file.day for file in files), default="")
    for day, group in groupby(files, key=lambda file: file.day):
        for run in list(due(list(group), ended=day < newest)):
            _join(run)


def sweep(folder: Path, *, grace_s: float = GRACE_S) -> None:
    """Remove superseded files once nobody reads them any more."""
    for file, other in superseded(all_files(folder)).items():
        with suppress(FileNotFoundError):
            if time() - other.path.stat().st_mtime >= grace_s:
                file.path.unlink()


def due(files: Sequence[LogFile], *, ended: bool) -> Iterator[Sequence[LogFile]]:
    """Yield the runs of a day's files that are to become one file each.

    Of a day that has ended: all, up to a full file. Of the newest day, once they are many: the run that costs least.
    """
    sizes = [file.path.stat().st_size for file in files]
    if ended:
        start = 0
        for end in range(1, len(files) + 1):
            if end == len(files) or sum(sizes[start : end + 1]) > FULL_BYTES:
                if end - start > 1:
                    yield files[start:end]
                start = end
    elif len(files) > MOST_FILES:
        start = min(range(len(files) - RUN + 1), key=lambda place: sum(sizes[place : place + RUN]))
        yield files[start : start + RUN]


def _join(run: Sequence[LogFile]) -> None:
    first, last = run[0], run[-1]
    rows: Iterator[pa.Table] = (table for file in run for table in read_file(file.path))
    write_file(first.path.with_name(name_of(first.first, last.last)), rows, footer_of(last.path))
