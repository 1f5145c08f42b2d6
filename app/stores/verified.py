"""Which files of large checkpoints were hashed on this machine, so that no worker hashes gigabytes that another has.

A file counts as hashed while inode, size, and the times of its last write and change are those it had then: whoever
changes a byte changes them, and nothing but the kernel sets the last. What a disk loses by itself is found by `segue
models verify`, which hashes all. Knows nothing of what is in the files.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from threading import get_ident

from app.errors import CorruptCheckpoint
from app.rnn.checkpoint_files import check_files, check_present

FOLDER = ".verified"

REMEMBERED_FROM_BYTES = 64 * 2**20
"""Less is hashed each time: it takes less than a tenth of a second."""

Marks = dict[str, list[str | int]]


def check_unless_verified(folder: Path, files: Mapping[str, str]) -> None:
    """Check a checkpoint's files against their SHA-256, unless they were and have not been touched since.

    Raises CorruptCheckpoint as `check_files` does.
    """
    check_present(folder, files)
    found = _marks(folder, files)
    if sum(int(mark[2]) for mark in found.values()) < REMEMBERED_FROM_BYTES:
        check_files(folder, files)
    elif _read(folder) != found:
        check_files(folder, files)
        if found != _marks(folder, files):
            raise CorruptCheckpoint(f"The files of {folder.name} were written to while they were read; try again.")
        remember(folder, files)


def remember(folder: Path, files: Mapping[str, str]) -> None:
    """Note that a checkpoint's files have just been found to be whole."""
    path = _path(folder)
    try:
        path.parent.mkdir(exist_ok=True)
        # One process may read while another writes.
        aside = path.with_name(f"{folder.name}.{os.getpid()}-{get_ident()}")
        aside.write_text(json.dumps(_marks(folder, files)))
        aside.replace(path)
    except OSError:
        # A store that cannot be written to is hashed each time.
        return


def forget(folder: Path) -> None:
    """Drop the note on a checkpoint that is removed."""
    _path(folder).unlink(missing_ok=True)


def _path(folder: Path) -> Path:
    return folder.parent / FOLDER / f"{folder.name}.json"


def _read(folder: Path) -> object:
    try:
        return json.loads(_path(folder).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _marks(folder: Path, files: Mapping[str, str]) -> Marks:
    marks: Marks = {}
    for name, digest in files.items():
        stat = (folder / name).stat()
        marks[name] = [digest, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    return marks
