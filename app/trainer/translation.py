"""Sessions of one catalogue in the rows of another: how listening from elsewhere is put to a checkpoint.

Knows nothing of files or networks.
"""

from dataclasses import dataclass

import numpy as np

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
    """Find each track of `source` in `target`: by its id, else by its artist and title however spelled.

    An unknown track is passed over, as the server passes it over; a session of none but unknown ones drops out.
    """
    rows = np.full(len(source), -1, np.int32)
    by_name: dict[tuple[str, str], int] = {}
    for row, track in enumerate(target):
        by_name.setdefault(_name(track), row)
    for number, track in enumerate(source):
        row_of_id = target.index_of(track.track_id)
        # A track without an artist carries its id or a bare title, which says too little to match by.
        found = row_of_id if row_of_id is not None or not track.artist else by_name.get(_name(track))
        rows[number] = -1 if found is None else found
    tracks = rows[sessions.tracks]
    known = tracks >= 0
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))[known]
    starts = np.flatnonzero(np.append(True, session[1:] != session[:-1])[: len(session)])
    offsets = np.append(starts, len(session)).astype(np.int64)
    heard = np.zeros(len(source), np.bool_)
    heard[sessions.tracks] = True
    return Translated(
        Sessions(tracks[known], offsets if len(session) else np.zeros(1, np.int64), sessions.times[known]),
        tracks=int(heard.sum()),
        unknown_tracks=int((heard & (rows < 0)).sum()),
        events=len(tracks),
        unknown_events=int((~known).sum()),
    )


def _name(track: Track) -> tuple[str, str]:
    return text_key(track.artist), text_key(track.title)
