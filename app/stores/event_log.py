"""The folder of the event log: one file a round, put there in one step together with the cursors it was read up to.

The rename of a round's file is what commits it. Whatever is killed at whatever moment, the newest file says what has
been collected, so that no entry is collected twice or left out. Readers need no lock; of those who write there is one.

Knows nothing of Redis.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from time import time
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from app.errors import InvalidSetting, UnreadableSource
from app.formats.event_log import MANIFEST, VERSION, Footer, all_files, current_files, footer_of, name_of
from app.formats.event_log_marks import MARK_COLUMNS, PLACE_COLUMNS, Marks, usable
from app.stores.durable_files import replace_file
from app.stores.event_compaction import compact, sweep
from app.stores.event_files import ASIDE, read_file, write_file
from app.stores.event_streams import Cursor, EntryId
from app.stores.folder_lock import FolderLock

LOCK_FILE = ".lock"


class EventLog:
    """The log in a folder, open for writing: by one process at a time, which the folder's lock sees to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FolderLock(
            folder / LOCK_FILE,
            "collects events",
            "Stop it, or set SEGUE_COLLECT_EVENTS=false here, or give this service another SEGUE_DATA_DIR.",
        )
        self._newest_round = 0
        self.log_id = ""
        self.cursors: dict[int, Cursor] = {}

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Take the folder, make it if it is missing, clear what the dead left, and see up to where it was collected.

        Raise `DataFolderInUse` when another process collects there, `UnreadableSource` for a folder of something
        else, `InvalidSetting` when it cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.take()
        except OSError as error:
            raise InvalidSetting(
                f"Expected a folder to write events to, got {str(self._folder)!r}: {error.strerror}. Name another in "
                "SEGUE_DATA_DIR."
            ) from error
        try:
            self.log_id = _claimed(self._folder)
            for left in self._folder.glob(f"day=*/{ASIDE}*"):
                left.unlink()
            self._newest_round = max((file.last for file in all_files(self._folder)), default=0)
            self.cursors = {}
            if files := current_files(self._folder):
                said = footer_of(max(files, key=lambda file: file.last).path)
                self.cursors = {
                    int(lane): Cursor(EntryId(*entry), added) for lane, (*entry, added) in said.cursors.items()
                }
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Give the folder back."""
        self._lock.release()

    def commit(self, day: str, rows: pa.Table, cursors: Mapping[int, Cursor]) -> None:
        """Add a round: its rows, all logged on one day, and the cursors it was read up to. All of it, or nothing."""
        number = max(self._newest_round + 1, int(time() * 1000))
        path = self._folder / f"day={day}" / name_of(number, number)
        said = {str(lane): [*cursor.entry, cursor.added] for lane, cursor in sorted(cursors.items())}
        write_file(path, [rows], Footer(said, 0))
        self._newest_round = number
        self.cursors = dict(cursors)

    def marks(self) -> Marks:
        """Return every mark in the folder."""
        marked = (file for file in current_files(self._folder) if footer_of(file.path).marks)
        return Marks.of(table for file in marked for table in read_file(file.path, MARK_COLUMNS))

    def erase(self, ends: Mapping[str, int]) -> int:
        """Take out the rows of listeners (by digest) up to the places given; return how many there were.

        Each file is replaced in one step, and to erase what is erased changes nothing: killed in the middle, it is
        simply done again.
        """
        sweep(self._folder, grace_s=0.0)
        erased = 0
        for file in current_files(self._folder):
            gone = sum(int((~usable(table, ends)).sum()) for table in read_file(file.path, PLACE_COLUMNS))
            if gone:
                left = (table.filter(pa.array(usable(table, ends))) for table in read_file(file.path))
                write_file(file.path, left, footer_of(file.path))
            erased += gone
        return erased

    def compact(self) -> None:
        """Keep the files few; what was compacted stays a while for those who are reading it."""
        sweep(self._folder)
        compact(self._folder)

    def holds(self, lane: int, rows: pa.Table) -> pa.Array:
        """Tell of each row of a lane whether the log has it already: the same entry, of the same event."""
        held: set[tuple[object, ...]] = set()
        names = ("logged_at", "logged_n", "event_id")
        for file in current_files(self._folder):
            for table in read_file(file.path, ("lane", *names)):
                held |= set(_named(table.filter(pc.equal(table["lane"], lane)), names))
        return pa.array([row in held for row in _named(rows, names)], pa.bool_())


def _named(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def _claimed(folder: Path) -> str:
    """Return the id of the log in a folder; a new one is written down. Leave alone what is not ours."""
    manifest = folder / MANIFEST
    if manifest.exists():
        said = json.loads(manifest.read_text(encoding="utf-8"))
        if said.get("version", 0) > VERSION:
            raise UnreadableSource(
                f"Expected an event log of version {VERSION} in {folder}, got {said['version']}: a newer Segue "
                "collects there. Upgrade this one."
            )
        return str(said["id"])
    strangers = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    if strangers:
        raise UnreadableSource(
            f"Expected an event log or an empty folder at {folder}, found {strangers[0]!r}. Move it, or give the "
            "service another SEGUE_DATA_DIR."
        )
    log_id = token_hex(8)
    said = {"format": "segue event log", "version": VERSION, "id": log_id}
    replace_file(manifest, json.dumps(said, indent=2).encode() + b"\n")
    return log_id
