"""What a training run learns from: the data sets that were imported, and the event log as it is now.

Knows nothing of how the two become one (`dataset/merging.py`), and of what is learned.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep, time
from typing import TYPE_CHECKING

from app.errors import NothingHeard
from app.settings import Settings

if TYPE_CHECKING:
    from app.dataset.folder import Dataset

MADE_BY_UP = ("demo", "imported-*")
"""The data sets that `segue up` makes in a data folder."""

# Longer waits than this are not for what was heard a moment ago.
LONGEST_WAIT_S = 30.0


def imported(data_dir: Path, name: str | None) -> "list[Dataset]":
    """Return the data set of a name, or those that `segue up` made; raise InvalidDataset for one that is not whole."""
    from app.dataset.folder import MANIFEST_FILE, open_dataset

    if name is not None:
        return [open_dataset(data_dir / name)]
    found = sorted(folder for pattern in MADE_BY_UP for folder in data_dir.glob(pattern))
    return [open_dataset(folder) for folder in found if (folder / MANIFEST_FILE).is_file()]


@contextmanager
def heard(settings: Settings, asked_at: float, aside: Path) -> "Iterator[Dataset | None]":
    """Read the event log, as a data set that lasts as long as the block; None where nothing was heard.

    What was acknowledged before the run was asked for is waited for, where this service collects: a round, at most.
    Who was deleted is left out by the log, and who gave no consent never was in it.
    """
    from app.dataset.cutting import CutRules
    from app.dataset.importing import ImportSettings, import_sources
    from app.formats.event_log import MANIFEST

    if settings.collect_events:
        round_s = min(settings.collect_interval_s + 1.0, LONGEST_WAIT_S)
        sleep(max(0.0, min(asked_at + round_s - time(), round_s)))
    log, place = settings.events_folder, aside / "heard"
    if not (log / MANIFEST).is_file():
        yield None
        return
    rules = CutRules(idle_gap_s=round(settings.idle_gap_s))
    try:
        dataset = import_sources([str(log)], place, ImportSettings(rules=rules, force=True)).dataset
    except NothingHeard:
        yield None
        return
    try:
        yield dataset
    finally:
        shutil.rmtree(place, ignore_errors=True)
