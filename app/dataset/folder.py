"""A data set: a folder with a catalogue, the sessions as arrays, and what the import said about itself.

    dataset/
      tracks.parquet    the catalogue, row order = index order
      events.parquet    session (int32), track (int32, a catalogue row), time (int64, unix seconds, 0 = unknown)
      dataset.json      format_version, fingerprint, summary

Knows nothing of where the data came from or what is learned from it.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.domain.catalogue import Catalogue
from app.errors import InvalidDataset, UnreadableSource
from app.formats.catalogue_file import read_catalogue, write_catalogue

FORMAT_VERSION = 1
TRACKS_FILE = "tracks.parquet"
EVENTS_FILE = "events.parquet"
MANIFEST_FILE = "dataset.json"


@dataclass(frozen=True, eq=False)
class Sessions:
    """All sessions in time order; session i is `tracks[offsets[i]:offsets[i + 1]]`.

    tracks (N,) are catalogue rows, offsets (S + 1,) start at 0 and end at N, times (N,) are unix seconds, 0 where
    unknown. No session is empty.
    """

    tracks: NDArray[np.int32]
    offsets: NDArray[np.int64]
    times: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.tracks) or self.offsets[0] != 0 or self.offsets[-1] != len(self.tracks):
            raise ValueError(
                f"Expected offsets from 0 to {len(self.tracks)} and as many times as tracks, got offsets from "
                f"{self.offsets[0]} to {self.offsets[-1]} and {len(self.times)} times."
            )
        if bool(np.any(np.diff(self.offsets) <= 0)):
            raise ValueError("Expected every session to hold at least one event.")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> NDArray[np.int32]:
        if not 0 <= i < len(self):
            raise IndexError(f"Expected a session from 0 to {len(self) - 1}, got {i}.")
        return self.tracks[self.offsets[i] : self.offsets[i + 1]]

    def split(self, share: float) -> tuple["Sessions", "Sessions"]:
        """Return the older sessions and the newest `share` of them, rounded to whole sessions."""
        if not 0 <= share <= 1:
            raise ValueError(f"Expected a share from 0 to 1, got {share}.")
        first_new = len(self) - round(len(self) * share)
        return self.select(np.arange(first_new)), self.select(np.arange(first_new, len(self)))

    def select(self, rows: NDArray[Any]) -> "Sessions":
        """Return the sessions at these positions, or where a boolean mask (S,) is true, in the order given."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        events = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Sessions(self.tracks[events], offsets, self.times[events])


@dataclass(frozen=True, eq=False)
class Dataset:
    """What is learned from: the catalogue, the sessions, and a fingerprint that changes when either does."""

    catalogue: Catalogue
    sessions: Sessions
    fingerprint: str
    summary: dict[str, Any]


def fingerprint_of(catalogue: Catalogue, sessions: Sessions) -> str:
    """Return the SHA-256 over every field of every track and over every event, in order; files play no part."""
    digest = hashlib.sha256()
    for track in catalogue:
        fields = (
            track.track_id,
            track.title,
            track.artist,
            track.album,
            track.year,
            track.genre,
            track.tags,
            track.duration_s,
        )
        digest.update(json.dumps(fields).encode() + b"\n")
        # Only where told: data sets of before keep the fingerprint they were learned under.
        if track.explicit is not None or track.markets:
            digest.update(json.dumps((track.explicit, sorted(track.markets))).encode() + b"\n")
    digest.update(sessions.tracks.astype("<i4").tobytes())
    digest.update(sessions.offsets.astype("<i8").tobytes())
    digest.update(sessions.times.astype("<i8").tobytes())
    return digest.hexdigest()


def write_dataset(
    folder: Path,
    catalogue: Catalogue,
    sessions: Sessions,
    summary: dict[str, Any],
    attached: Mapping[str, Path] | None = None,
) -> Dataset:
    """Write a data set aside and rename it into place, so that a folder is either whole or not there.

    An earlier data set at the same place is replaced; any other folder or file is left alone with InvalidDataset.
    `attached` names further files to copy into the folder.
    """
    check_replaceable(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    dataset = Dataset(catalogue, sessions, fingerprint_of(catalogue, sessions), summary)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        new = aside / "new"
        new.mkdir()
        for name, source in (attached or {}).items():
            shutil.copyfile(source, new / name)
        _write_files(new, dataset)
        _swap(new, folder, aside / "old")
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return dataset


def check_replaceable(folder: Path) -> None:
    """Raise InvalidDataset unless a data set can go here: nothing, an empty folder or another data set."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST_FILE).is_file()):
        raise InvalidDataset(f"Expected a data set or nothing at {folder}, found something else. Choose another place.")


def open_dataset(folder: Path) -> Dataset:
    """Read a data set; raise InvalidDataset when it is missing, incomplete, of another version or was changed."""
    if not (folder / MANIFEST_FILE).is_file():
        raise InvalidDataset(
            f"Expected a data set folder at {folder}, but it holds no {MANIFEST_FILE}. Make one with `segue import`."
        )
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
        version, fingerprint, summary = manifest["format_version"], manifest["fingerprint"], manifest["summary"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidDataset(f"{folder / MANIFEST_FILE} is damaged ({error}). Import the data again.") from error
    if version != FORMAT_VERSION:
        raise InvalidDataset(
            f"Expected a data set of format version {FORMAT_VERSION} at {folder}, got {version}. Import it again."
        )
    try:
        catalogue = read_catalogue(folder / TRACKS_FILE)
        sessions = _read_events(folder / EVENTS_FILE)
    except UnreadableSource as error:
        raise InvalidDataset(f"The data set at {folder} is incomplete. {error} Import it again.") from error
    if len(sessions.tracks) and not 0 <= sessions.tracks.min() <= sessions.tracks.max() < len(catalogue):
        raise InvalidDataset(f"The events of {folder} name tracks its catalogue does not hold. Import it again.")
    if fingerprint_of(catalogue, sessions) != fingerprint:
        raise InvalidDataset(f"The data set at {folder} was changed since it was written. Import it again.")
    return Dataset(catalogue, sessions, fingerprint, summary)


def _write_files(folder: Path, dataset: Dataset) -> None:
    write_catalogue(folder / TRACKS_FILE, dataset.catalogue)
    sessions = dataset.sessions
    session_of_event = np.repeat(np.arange(len(sessions), dtype=np.int32), np.diff(sessions.offsets))
    events = pa.table({"session": session_of_event, "track": sessions.tracks, "time": sessions.times})
    pq.write_table(events, folder / EVENTS_FILE, compression="zstd")
    manifest = {
        "format_version": FORMAT_VERSION,
        "fingerprint": dataset.fingerprint,
        "summary": dataset.summary,
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _swap(new: Path, folder: Path, old: Path) -> None:
    if not folder.exists():
        new.rename(folder)
        return
    folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        old.rename(folder)
        raise


def _read_events(path: Path) -> Sessions:
    try:
        table = pq.read_table(path, columns=["session", "track", "time"])
        session, track, time = (table.column(name).to_numpy() for name in ("session", "track", "time"))
        counts = np.bincount(session.astype(np.int64)) if len(session) else np.zeros(0, np.int64)
        if bool(np.any(np.diff(session) < 0)):
            raise ValueError("sessions out of order")
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        return Sessions(track.astype(np.int32), offsets, time.astype(np.int64))
    except FileNotFoundError:
        raise UnreadableSource(f"Expected the events at {path}, found nothing.") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableSource(f"The events at {path} cannot be read: {error}.") from error
