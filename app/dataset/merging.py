"""Several data sets as one: what was imported once, and what the event log told since.

Tracks are the same where their ids are. Sessions that name tracks by id only, as those of the event log do, can only be
learned where a catalogue tells what the tracks are. Knows nothing of files, and of what is learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Dataset, Sessions, fingerprint_of
from app.domain.catalogue import Catalogue, Track

SHORTEST = 2
"""A session of one track tells nothing of what follows what."""


@dataclass(frozen=True)
class Merged:
    """The data set, how much of it was logged, and how many tracks of the log no catalogue knows."""

    dataset: Dataset
    logged_sessions: int
    logged_events: int
    unknown_tracks: int


def merge(
    known: Catalogue | None, imported: Sequence[Dataset], logged: Dataset | None, *, since: float | None = None
) -> Merged:
    """Return one data set over the tracks of a checkpoint and of all that was imported, with every session there is.

    Every track of the `known` catalogue stays, heard or not: it can be suggested already. Of the log's sessions unknown
    tracks are left out, and so are sessions that began before `since`; those without a time stay.
    """
    tracks: dict[str, Track] = {}
    for catalogue in (*((known,) if known is not None else ()), *(dataset.catalogue for dataset in imported)):
        # The newest source tells a track's title and artist, unless it does not say.
        tracks.update((track.track_id, track) for track in catalogue if track.title or track.track_id not in tracks)
    row_of = {track_id: row for row, track_id in enumerate(tracks)}
    parts = [_since(_in_rows(dataset, row_of), since) for dataset in imported]
    heard = Sessions(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int64))
    unknown = 0
    if logged is not None:
        unknown = sum(track.track_id not in row_of for track in logged.catalogue)
        heard = _since(_in_rows(logged, row_of), since)
    sessions = _joined([*parts, heard])
    catalogue, sessions = _most_played_first(list(tracks.values()), sessions)
    summary: dict[str, Any] = {
        "events": len(sessions.tracks),
        "sessions": len(sessions),
        "tracks": len(catalogue),
        "logged_sessions": len(heard),
        "logged_events": len(heard.tracks),
        "merged": [dataset.fingerprint for dataset in (*imported, *((logged,) if logged is not None else ()))],
    }
    dataset = Dataset(catalogue, sessions, fingerprint_of(catalogue, sessions), summary)
    return Merged(dataset, len(heard), len(heard.tracks), unknown)


def _in_rows(dataset: Dataset, row_of: dict[str, int]) -> Sessions:
    """Return the sessions in the rows of another catalogue, less what it lacks and what is then too short."""
    rows = np.array([row_of.get(track.track_id, -1) for track in dataset.catalogue], np.int32)
    sessions = dataset.sessions
    tracks = rows[sessions.tracks] if len(rows) else sessions.tracks
    kept = tracks >= 0
    lengths = np.add.reduceat(kept, sessions.offsets[:-1]) if len(sessions) else np.zeros(0, np.int64)
    long = lengths >= np.minimum(SHORTEST, np.diff(sessions.offsets))
    kept &= np.repeat(long, np.diff(sessions.offsets))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[long], dtype=np.int64)])
    return Sessions(tracks[kept], offsets, sessions.times[kept])


def _since(sessions: Sessions, since: float | None) -> Sessions:
    if since is None or not len(sessions):
        return sessions
    began = sessions.times[sessions.offsets[:-1]]
    return sessions.select((began == 0) | (began >= since))


def _joined(parts: Sequence[Sessions]) -> Sessions:
    """Return the sessions of all parts in the order they began in, those without a time first."""
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    joined = Sessions(
        np.concatenate([part.tracks for part in parts]),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]),
        np.concatenate([part.times for part in parts]),
    )
    if not len(joined):
        return joined
    return joined.select(np.argsort(joined.times[joined.offsets[:-1]], kind="stable"))


def _most_played_first(tracks: list[Track], sessions: Sessions) -> tuple[Catalogue, Sessions]:
    """Number the tracks as an import does: the most played first."""
    support = np.bincount(sessions.tracks, minlength=len(tracks))
    order = sorted(range(len(tracks)), key=lambda row: (-int(support[row]), tracks[row].track_id))
    new_row: NDArray[np.int32] = np.empty(len(tracks), np.int32)
    new_row[order] = np.arange(len(tracks), dtype=np.int32)
    renumbered = Sessions(new_row[sessions.tracks], sessions.offsets, sessions.times)
    return Catalogue([tracks[row] for row in order]), renumbered
