"""The hidden folders of a checkpoint store: what is on its way in or out, and the sweeping of what the dead left.

Knows nothing of what is in them.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.stores.durable_files import abandoned, locked
from app.stores.labels import LABELS_FILE

LOCK_FILE = ".lock"
# Hidden, so that no listing of ours or of a person's shows them.
PUBLISHING = ".publishing-"
REMOVING = ".removing-"


@contextmanager
def aside(root: Path) -> Iterator[Path]:
    """Make a hidden folder and hold its lock; nothing of it is left afterwards unless it was renamed."""
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / LOCK_FILE):
        sweep(root)
        folder = root / f"{PUBLISHING}{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir()
        holding = locked(folder)
        # Taken before the store's lock is given back: a sweeper never meets a live folder without a holder.
        holding.__enter__()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        holding.__exit__(None, None, None)


def sweep(root: Path) -> None:
    """Remove what dead publishers, pruners and promoters left. The caller holds the store's lock."""
    for folder in root.glob(f"{REMOVING}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in root.glob(f"{PUBLISHING}*"):
        if abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
    for file in root.glob(f".{LABELS_FILE}-*"):
        file.unlink(missing_ok=True)
