"""Item-kNN: the tracks that are heard in the same sessions as this one.

Cosine between the columns of the session-by-track table, as in Sarwar et al., WWW 2001, damped for rare tracks as
in Hidasi et al., ICLR 2016. Knows nothing of the order within a session, or of anything but the last track.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from app.dataset.folder import Sessions
from app.trainer.baselines import popularity
from app.trainer.baselines.pairs import Pairs
from app.trainer.baselines.successors import LastTrackBaseline, Successors

NEIGHBOURS = 100
DAMPING = 20.0
_LONGEST = 500  # plays counted as heard together: a session of n distinct tracks holds n^2 pairs
_BLOCK = 2048


def fit(
    sessions: Sessions, catalogue_size: int, neighbours: int = NEIGHBOURS, damping: float = DAMPING
) -> LastTrackBaseline:
    """Keep for each track its most similar ones.

    similarity(a, b) = n(a, b) / sqrt((n(a) + damping) (n(b) + damping)), n counting sessions; sessions of more than
    500 plays count as several. Of equally similar tracks the more popular stands first.
    """
    played = popularity.fit(sessions, catalogue_size)
    heard_in = _incidence(sessions, catalogue_size)
    # At least 1: a track never heard has no neighbours to divide for.
    damped = 1 / np.sqrt(np.maximum(heard_in.sum(axis=0) + damping, 1.0))
    by_track = heard_in.T.tocsr()
    parts = [
        _most_similar(by_track[first : first + _BLOCK] @ heard_in, first, damped, played, neighbours)
        for first in range(0, catalogue_size, _BLOCK)
    ]
    keys, weights, tie_order = (np.concatenate(column) for column in zip(*parts, strict=True))
    return LastTrackBaseline("item-kNN", Successors.of(Pairs(keys, weights, tie_order), played))


def _incidence(sessions: Sessions, catalogue_size: int) -> sparse.csr_array:
    """Return the sparse table (S', V) with 1 where a track is heard in a session."""
    lengths = np.diff(sessions.offsets)
    position = np.arange(len(sessions.tracks)) - np.repeat(sessions.offsets[:-1], lengths)
    part = np.cumsum(position % _LONGEST == 0) - 1
    shape = (int(part[-1]) + 1 if len(part) else 0, catalogue_size)
    table = sparse.coo_array((np.ones(len(part)), (part, sessions.tracks)), shape=shape).tocsr()
    table.data[:] = 1.0
    return table


def _most_similar(
    together: sparse.csr_array,
    first: int,
    damped: NDArray[np.float64],
    played: popularity.Popularity,
    neighbours: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return keys, similarities and tie order of the best neighbours of the tracks from row `first` on."""
    counts = together.tocoo()
    rows, others = counts.row.astype(np.int64) + first, counts.col.astype(np.int64)
    apart = rows != others
    rows, others = rows[apart], others[apart]
    similarity = counts.data[apart] * damped[rows] * damped[others]
    tie_order = played.places[others]
    order = np.lexsort((others, tie_order, -similarity.round(9), rows))
    rows, others = rows[order], others[order]
    position = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = np.flatnonzero(position < neighbours)
    kept = kept[np.argsort(rows[kept] * len(damped) + others[kept])]
    return rows[kept] * len(damped) + others[kept], similarity[order][kept], tie_order[order][kept]
