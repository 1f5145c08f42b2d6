"""Real listening, where it lies beside the project; one thread for networks too small to share."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from app.dataset.folder import Sessions

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny products on several threads wait for each other longer than they compute, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def gratefuldead() -> tuple[Sessions, int]:
    """Every set list in file order, and how many songs there are."""
    path = DATA / "gratefuldead.tsv.gz"
    if not path.is_file():
        pytest.skip(f"needs the listening data at {path}")
    rows: dict[str, int] = {}
    shows: dict[str, list[int]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            shows.setdefault(line["session_id"], []).append(rows.setdefault(line["title"], len(rows)))
    tracks = np.concatenate([np.array(show, np.int32) for show in shows.values()])
    offsets = np.cumsum([0, *map(len, shows.values())]).astype(np.int64)
    return Sessions(tracks, offsets, np.zeros(len(tracks), np.int64)), len(rows)


@pytest.fixture(scope="session")
def nowplaying() -> tuple[Sessions, Sessions, int]:
    """The published training and test sessions, and how many tracks there are in both."""
    folder = DATA / "nowplaying"
    if not folder.is_dir():
        pytest.skip(f"needs the listening data at {folder}")
    rows: dict[bytes, int] = {}
    parts = []
    for name in ("train", "test"):
        with gzip.open(folder / f"{name}.sessions.txt.gz") as file:
            heard = [[rows.setdefault(track, len(rows)) for track in line.split()] for line in file]
        tracks = np.array([row for session in heard for row in session], np.int32)
        offsets = np.cumsum([0, *map(len, heard)]).astype(np.int64)
        parts.append(Sessions(tracks, offsets, np.zeros(len(tracks), np.int64)))
    return parts[0], parts[1], len(rows)
