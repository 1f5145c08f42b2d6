"""The demo data set: the catalogue that ships, and generated sessions of the listeners who play it.

Every session here is made up by the model of docs/demo-data.md; nobody listened. Knows nothing of networks.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from app.dataset.folder import Dataset, Sessions, write_dataset
from app.demo.appeal import appeal_of
from app.demo.calendar import draw_starts, event_times, hour_of, week_of
from app.demo.catalogue import demo_catalogue, part_of
from app.demo.listeners import draw_listeners
from app.demo.playing import Occasions, draw_lengths, play
from app.domain.catalogue import Catalogue
from app.errors import InvalidRequest

SEED = 1965
SESSIONS = 16_000
SESSIONS_PER_LISTENER = 40
FEWEST_TRACKS = 100
_QUANTILES = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def demo_sessions(catalogue: Catalogue, *, seed: int = SEED, sessions: int = SESSIONS) -> Sessions:
    """Generate sessions over a catalogue of the demo's genres and tags; the same arguments give the same bytes."""
    rng = np.random.default_rng(seed)
    appeal = appeal_of(catalogue, rng)
    listeners = draw_listeners(max(1, sessions // SESSIONS_PER_LISTENER), appeal.artist, rng)
    who, start = draw_starts(listeners, sessions, rng)
    lengths = draw_lengths(sessions, rng)
    tracks = play(appeal, listeners, Occasions(who, week_of(start), hour_of(start)), lengths, rng)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Sessions(tracks, offsets, event_times(start, lengths, tracks, rng))


def demo_dataset(folder: Path, *, seed: int = SEED, sessions: int = SESSIONS, tracks: int | None = None) -> Dataset:
    """Write the demo data set to a folder; `tracks` keeps only so many of them, spread over all genres.

    Full size is 218,314 events and some seconds of one core. Raise InvalidRequest for fewer than 1 session or 100
    tracks, and for more tracks than there are.
    """
    catalogue = demo_catalogue()
    wanted = len(catalogue) if tracks is None else tracks
    if sessions < 1 or not FEWEST_TRACKS <= wanted <= len(catalogue):
        raise InvalidRequest(
            f"Expected at least 1 session and {FEWEST_TRACKS} to {len(catalogue)} tracks, got {sessions} sessions and "
            f"{wanted} tracks. Ask for numbers in these bounds."
        )
    catalogue = part_of(catalogue, wanted)
    generated = demo_sessions(catalogue, seed=seed, sessions=sessions)
    lengths, times = np.diff(generated.offsets), generated.times
    summary = {
        "source": "demo",
        "generated": True,
        "seed": seed,
        "sessions": len(generated),
        "events": len(generated.tracks),
        "tracks": len(catalogue),
        "session_length": {name: int(np.quantile(lengths, share)) for name, share in _QUANTILES.items()},
        "period": [datetime.fromtimestamp(int(at), UTC).isoformat() for at in (times.min(), times.max())],
    }
    return write_dataset(folder, catalogue, generated, summary)
