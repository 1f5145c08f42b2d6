"""Sessions of one catalogue in the rows of another: how listening from elsewhere is put to a checkpoint.

Knows nothing of files or networks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.domain.catalogue import Catalogue, Track
from app.domain.spelling import text_key


@dataclass(frozen=True)
class Translated:
    """The sessions without the tracks the other catalogue lacks, and how much was left out of how much."""

    sessions: Sessions
    tracks: int
    unknown_tracks: int
    events: int
    unknown_events: int


def translate(sessions: Sessions, source: Catalogue, target: Catalogue) -> Translated:
    """Put sessions in the rows of another catalogue, as `rows_in` finds them.

    An unknown track is passed over, as the server passes it over; a session of none but unknown ones drops out.
    """
    rows = rows_in(source, target)
    put, known = in_rows(sessions, rows)
    heard = np.zeros(len(source), np.bool_)
    heard[sessions.tracks] = True
    return Translated(
        put,
        tracks=int(heard.sum()),
        unknown_tracks=int((heard & (rows < 0)).sum()),
        events=len(known),
        unknown_events=int((~known).sum()),
    )


def rows_in(source: Catalogue, target: Catalogue) -> NDArray[np.int32]:
    """Find each track of `source` (V,) in `target`: by id, else by artist and title however spelled; else -1."""
    rows = np.full(len(source), -1, np.int32)
    by_name: dict[tuple[str, str], int] = {}
    for row, track in enumerate(target):
        by_name.setdefault(_name(track), row)
    for number, track in enumerate(source):
        row_of_id = target.index_of(track.track_id)
        # A track without an artist carries its id or a bare title, which says too little to match by.
        found = row_of_id if row_of_id is not None or not track.artist else by_name.get(_name(track))
        rows[number] = -1 if found is None else found
    return rows


def in_rows(sessions: Sessions, rows: NDArray[np.int32]) -> tuple[Sessions, NDArray[np.bool_]]:
    """Return the sessions in the rows (V,) tracks have elsewhere, those at -1 left out, and which events (N,) stay."""
    tracks = rows[sessions.tracks]
    known = tracks >= 0
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))[known]
    starts = np.flatnonzero(np.append(True, session[1:] != session[:-1])[: len(session)])
    offsets = np.append(starts, len(session)).astype(np.int64) if len(session) else np.zeros(1, np.int64)
    return Sessions(tracks[known], offsets, sessions.times[known]), known


def _name(track: Track) -> tuple[str, str]:
    return text_key(track.artist), text_key(track.title)
