"""The data sets quality is measured on, by name or path: sessions to learn from, sessions to judge by, the catalogue.

The listening data lie beside the project and are no part of it; the demo makes its own; anybody's own data set is named
by where it lies. Knows nothing of models.
"""

import csv
import gzip
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.dataset.folder import MANIFEST_FILE, Dataset, Sessions, fingerprint_of, open_dataset
from app.dataset.naming import Joining
from app.demo.catalogue import demo_catalogue
from app.demo.dataset import SESSIONS, demo_sessions
from app.domain.catalogue import Catalogue, Track

NAMES = ("nowplaying", "gratefuldead", "classic_rock", "rns_gap15", "demo")
DATA = Path(__file__).parents[2] / "shared" / "data"
TEST_SHARE = 0.1
_TABLE = ".tsv.gz"
_PUBLISHED = "train.sessions.txt.gz", "test.sessions.txt.gz"


class Absent(Exception):
    """The data are not on this machine; the message says where they were looked for."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A data set to measure on. `seen_only` leaves out targets the training sessions do not hold.

    The published figures of nowplaying count every target, so those of published splits do; the other sets leave the
    unseen ones out.
    """

    name: str
    training: Dataset
    test: Sessions
    seen_only: bool


def load(name: str, sessions: int | None = None) -> Measured:
    """Read a data set, or only about so many of its newest sessions, for a quick look.

    `name` is one of NAMES, or what else lies beside the project, or a path: a folder that `segue import` made, a folder
    with a published split, or a table (`.tsv.gz`). Raises Absent.
    """
    if name == "demo":
        return _demo(SESSIONS if sessions is None else sessions)
    measured = _read(place_of(name))
    return measured if sessions is None else _newest(measured, sessions)


def place_of(name: str) -> Path:
    """Return where the data set of this name lies, or the path that the name is. Raises Absent."""
    beside = (DATA / name, DATA / f"{name}{_TABLE}")
    for place in (*beside, Path(name)):
        if place.exists():
            return place
    if name not in NAMES:
        raise Absent(f"expected {', '.join(NAMES)} or where a data set lies, found nothing there")
    looked_for = beside[0] / _PUBLISHED[0] if name == "nowplaying" else beside[1]
    raise Absent(f"needs the listening data at {looked_for.relative_to(DATA.parents[1])} beside the project")


def known_as(name: str) -> str:
    """Return what results call the data set of this name or path."""
    return Path(name).name.removesuffix(_TABLE)


def _read(place: Path) -> Measured:
    if place.name.endswith(_TABLE):
        return _table(place)
    if all((place / part).is_file() for part in _PUBLISHED):
        return _published(place)
    if (place / MANIFEST_FILE).is_file():
        dataset = open_dataset(place)
        return _split(place, dataset.catalogue, dataset.sessions)
    raise Absent(f"expected {_PUBLISHED[0]} and {_PUBLISHED[1]}, or what `segue import` makes, in {place}")


def _published(folder: Path) -> Measured:
    """A published split: ids in the order of the training file, whose sessions are in time order."""
    rows: dict[str, int] = {}
    training, test = (
        _sessions_of(
            [
                [rows.setdefault(track, len(rows)) for track in line.split()]
                for line in _lines(folder / part)
                if line.strip()
            ]
        )
        for part in _PUBLISHED
    )
    catalogue = Catalogue([Track(track_id, track_id, "") for track_id in rows])
    return Measured(folder.name, _dataset(catalogue, training), test, seen_only=False)


def _table(file: Path) -> Measured:
    """A table with session_id, time, artist and title; the newest tenth of sessions is the test."""
    joining, tracks, rows = Joining(), list[Track](), dict[str, int]()
    heard: dict[str, list[int]] = {}
    begun: dict[str, int] = {}
    for line in csv.DictReader(_lines(file), delimiter="\t", quoting=csv.QUOTE_NONE):
        session = line["session_id"]
        begun.setdefault(session, int(line["time"] or 0))
        row = rows.setdefault(joining.key(line["artist"], line["title"]), len(rows))
        if row == len(tracks):
            tracks.append(Track(str(row), line["title"], line["artist"]))
        heard.setdefault(session, []).append(row)
    in_order = sorted(heard, key=lambda session: begun[session])
    return _split(file, Catalogue(tracks), _sessions_of([heard[session] for session in in_order]))


def _demo(sessions: int) -> Measured:
    """The demo's own catalogue and generated listening."""
    catalogue = demo_catalogue()
    return _split(Path("demo"), catalogue, demo_sessions(catalogue, sessions=sessions))


def _newest(measured: Measured, sessions: int) -> Measured:
    older, count = measured.training.sessions, len(measured.training.sessions)
    newest = older.select(np.arange(max(0, count - sessions), count))
    of_test = np.linspace(0, len(measured.test) - 1, min(len(measured.test), max(sessions // 10, 1))).astype(np.int64)
    training = _dataset(measured.training.catalogue, newest)
    return replace(measured, training=training, test=measured.test.select(of_test))


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return file.read().splitlines()


def _sessions_of(heard: list[list[int]]) -> Sessions:
    tracks = np.array([track for session in heard for track in session], np.int32)
    offsets = np.cumsum([0, *map(len, heard)]).astype(np.int64)
    return Sessions(tracks, offsets, np.zeros(len(tracks), np.int64))


def _split(place: Path, catalogue: Catalogue, sessions: Sessions) -> Measured:
    older, newest = sessions.split(TEST_SHARE)
    return Measured(known_as(place.name), _dataset(catalogue, older), newest, seen_only=True)


def _dataset(catalogue: Catalogue, sessions: Sessions) -> Dataset:
    return Dataset(catalogue, sessions, fingerprint_of(catalogue, sessions), {})
