"""A lock file that says which service has a data folder. Knows nothing of what is kept there."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from app.errors import DataFolderInUse

PATIENCE_S = 5.0
_ADVICE = "Stop it, or give this service another SEGUE_DATA_DIR, or let both use one server by SEGUE_REDIS_URL."


class FolderLock:
    """A lock held by a process and by every child that inherits its descriptor, until the last of them is gone.

    `doing` and `advice` tell whoever comes second what the owner does there, and what may be done about it.

    The server of a data folder inherits it from the service: two servers on one append-only file would ruin it, and
    a server may outlive its service by a moment.
    """

    def __init__(self, path: Path, doing: str = "keeps its sessions", advice: str = _ADVICE) -> None:
        self._path = path
        self._doing = doing
        self._advice = advice
        self._file: IO[str] | None = None

    def fileno(self) -> int:
        """Return the descriptor a child must inherit to hold the lock too."""
        assert self._file is not None
        return self._file.fileno()

    def take(self) -> None:
        """Take the lock; raise `DataFolderInUse` at once if its owner lives, else when waiting does not help."""
        file = self._path.open("a+")
        deadline = time.monotonic() + PATIENCE_S
        while not _locked(file):
            file.seek(0)
            owner = file.read().strip()
            if time.monotonic() > deadline or (owner.isdigit() and _lives(int(owner))):
                file.close()
                raise DataFolderInUse(
                    f"Expected the folder {str(self._path.parent)!r} to be free, but process {owner or '?'} "
                    f"{self._doing} there. {self._advice}"
                )
            time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
