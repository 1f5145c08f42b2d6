"""Who must not be forgotten over the average: new listeners, long sessions, rare tracks, as groups of targets.

Knows nothing of models or of what they made of the targets.
"""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from app.trainer.targets import Targets

FEW_HEARD = 2
"""Tracks heard before a target of a new listener at most: evaluation knows of nobody more than the session so far."""

LONG = 20
"""Tracks of a long session at least."""

RARE = 20
"""Plays in training that make a track rare: fewer than these."""

SEGMENTS = MappingProxyType(
    {
        "new listeners": f"at most {FEW_HEARD} tracks heard before the target",
        "long sessions": f"sessions of {LONG} tracks and more",
        "rare tracks": f"targets played fewer than {RARE} times in training",
    }
)
"""Every segment by the name the tables call it, and what it holds."""


def segments(targets: Targets, support: NDArray[np.int64] | None) -> dict[str, NDArray[np.bool_]]:
    """Return for each segment which targets (N,) are in it; a target may be in several, or in none.

    support (V,) counts the plays of each track in training; nothing is known to be rare without it.
    """
    tracks_of = np.zeros(int(targets.session.max(initial=-1)) + 1, np.int64)
    np.maximum.at(tracks_of, targets.session, targets.position + 1)
    rare = np.zeros(len(targets), np.bool_) if support is None else support[targets.tracks] < RARE
    members = (targets.position <= FEW_HEARD, tracks_of[targets.session] >= LONG, rare)
    return dict(zip(SEGMENTS, members, strict=True))
