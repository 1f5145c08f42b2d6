"""The road from people's files to a data set: read, name, cut, keep account of everything on the way.

Knows nothing of the command line and of what is learned later.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from app.dataset.cutting import CutRules, Runs, cut_sessions
from app.dataset.events import EventTable
from app.dataset.folder import Dataset, Sessions, check_replaceable, write_dataset
from app.dataset.naming import Joining, Naming, name_tracks
from app.dataset.rejects import RejectedLine, Rejects
from app.dataset.sources import NamedFile, files_of
from app.domain.catalogue import Catalogue
from app.errors import InvalidDataset, NothingHeard, UnreadableSource
from app.formats.columns import Layout
from app.formats.file_format import format_of, recognised
from app.formats.listen import Reject
from app.formats.stated_track import stated_track

REJECTS_FILE = "rejects.tsv"
_TABULAR = ("csv", "tsv", "parquet", "jsonl")
_QUANTILES = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class ImportSettings:
    """What the person chose; the defaults take everything as it is and cut histories at half an hour."""

    format: str | None = None
    encoding: str | None = None
    layout: Layout = field(default_factory=Layout)
    joining: Joining = field(default_factory=Joining)
    rules: CutRules = field(default_factory=CutRules)
    min_played_s: int = 30
    strict: bool = False
    force: bool = False


@dataclass(frozen=True)
class Imported:
    """The data set, and the first malformed lines for whoever should mend them."""

    dataset: Dataset
    first_rejects: Sequence[RejectedLine]


@dataclass
class _Reading:
    """What has been read so far; `rows` are the events that were taken in."""

    formats: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    passed_over: int = 0


def import_sources(
    sources: Sequence[str],
    out: Path,
    settings: ImportSettings,
    on_progress: Callable[[str, int], None] = lambda _stage, _events: None,
) -> Imported:
    """Import files, folders and patterns into a data set folder, whole or not at all.

    Every event read is in the summary: `events_in` = `events` + all of `dropped` + all of `rejected`. Raises
    UnreadableSource for a named file that cannot be read and when nothing is left, InvalidDataset when `out` is taken.
    """
    check_replaceable(out)
    if not settings.force and out.exists() and any(out.iterdir()):
        raise InvalidDataset(f"Expected no data set at {out} yet, found one. Replace it with --force.")
    files, passed_over = files_of(sources, forced=settings.format is not None, encoding=settings.encoding)
    out.resolve().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{out.name}.", suffix=".import", dir=out.resolve().parent, ignore_cleanup_errors=True
    ) as aside:
        events = EventTable(Path(aside), min_played_s=settings.min_played_s)
        try:
            with Rejects(Path(aside) / REJECTS_FILE, strict=settings.strict) as rejects:
                reading = _read(files, settings, events, rejects, on_progress)
                on_progress("joining spellings", reading.rows)
                naming = name_tracks(events.spellings(), settings.joining)
                on_progress("cutting sessions", reading.rows)
                runs = events.runs(naming)
                cut = cut_sessions(runs, settings.rules)
                rejects.flush()
                summary = _summary(files, passed_over, settings, reading, rejects, runs, naming, cut.dropped)
                if not len(cut.sessions):
                    raise NothingHeard(_nothing_left(summary, rejects))
                on_progress("writing", reading.rows)
                catalogue, sessions = _catalogue(cut.sessions, naming, events)
                summary |= _description(catalogue, sessions)
                attached = {REJECTS_FILE: rejects.path} if rejects.total else {}
                return Imported(write_dataset(out, catalogue, sessions, summary, attached), tuple(rejects.first))
        finally:
            events.close()


def _read(
    files: Sequence[NamedFile],
    settings: ImportSettings,
    events: EventTable,
    rejects: Rejects,
    on_progress: Callable[[str, int], None],
) -> _Reading:
    reading = _Reading()
    for number, file in enumerate(files):
        on_progress(file.name, reading.rows)
        rows_before, found = reading.rows, None
        try:
            if file.found and recognised(file.source, settings.format) is None:
                reading.passed_over += 1
                continue
            known = format_of(file.source, settings.format)
            one_session = settings.layout.playlist_per_file and known.name in _TABULAR
            for batch in known.read(file.source, settings.layout):
                faults = events.add(batch, number, own_sessions=known.own_sessions, one_session=one_session)
                rejects.add(file.name, sorted([*batch.rejects, *faults], key=lambda reject: reject.line))
                reading.rows += batch.events.num_rows - len(faults)
                on_progress(file.name, reading.rows)
            reading.formats[known.name] += 1
        except UnreadableSource as error:
            # A file named by hand must be right; one bad file in a folder of hundreds is counted and left out.
            if not file.found or settings.strict:
                raise
            found = error
        if found is not None:
            events.forget(number)
            reading.rows = rows_before
            rejects.add(file.name, [Reject(0, "unreadable file", str(found))])
    return reading


def _summary(
    files: Sequence[NamedFile],
    passed_over: int,
    settings: ImportSettings,
    reading: _Reading,
    rejects: Rejects,
    runs: Runs,
    naming: Naming,
    dropped: dict[str, int],
) -> dict[str, Any]:
    return {
        "files": len(files) - reading.passed_over,
        "files_passed_over": passed_over + reading.passed_over,
        "formats": dict(sorted(reading.formats.items())),
        "events_in": len(runs.tracks) + rejects.total,
        "rejected": dict(rejects.counts.most_common()),
        "malformed": rejects.malformed,
        "dropped": dropped,
        "spellings": len(naming.track_of_spelling),
        "spellings_joined": len(naming.track_of_spelling) - len(naming.track_ids),
        "settings": {
            "joining": asdict(settings.joining),
            "min_played_s": settings.min_played_s,
            **asdict(settings.rules),
        },
    }


def _description(catalogue: Catalogue, sessions: Sessions) -> dict[str, Any]:
    lengths = np.diff(sessions.offsets)
    known = sessions.times[sessions.times > 0]
    period = (
        [datetime.fromtimestamp(int(at), UTC).isoformat() for at in (known.min(), known.max())] if len(known) else []
    )
    return {
        "events": len(sessions.tracks),
        "sessions": len(sessions),
        "tracks": len(catalogue),
        "session_length": {name: int(np.quantile(lengths, share)) for name, share in _QUANTILES.items()},
        "period": period,
    }


def _nothing_left(summary: dict[str, Any], rejects: Rejects) -> str:
    reasons = sorted((rejects.counts + Counter(summary["dropped"])).items(), key=lambda item: -item[1])
    if not reasons:
        return "Expected playlists or listening histories, found no event in any file."
    told = "; ".join(f"{count:,} x {reason}" for reason, count in reasons[:4])
    first = f" First: {rejects.first[0]}." if rejects.first else ""
    return f"Nothing is left of {summary['events_in']:,} events: {told}.{first}"


def _catalogue(sessions: Sessions, naming: Naming, events: EventTable) -> tuple[Catalogue, Sessions]:
    """Number the tracks that are left, the most played first, and return them with the renumbered sessions."""
    support = np.bincount(sessions.tracks, minlength=len(naming.track_ids))
    kept = [int(row) for row in np.flatnonzero(support)]
    kept.sort(key=lambda row: (-int(support[row]), naming.track_ids[row]))
    facts: dict[str, dict[int, str]] = {
        name: dict(zip(rows, values, strict=True)) for name, rows, values in events.facts()
    }
    stated = [{name: values[row] for name, values in facts.items() if row in values} for row in kept]
    tracks = [
        stated_track(naming.track_ids[row], naming.shown[row].artist, naming.shown[row].title, fact)
        for row, fact in zip(kept, stated, strict=True)
    ]
    new_row = np.full(len(naming.track_ids), -1, np.int32)
    new_row[kept] = np.arange(len(kept), dtype=np.int32)
    return Catalogue(tracks), Sessions(new_row[sessions.tracks], sessions.offsets, sessions.times)
