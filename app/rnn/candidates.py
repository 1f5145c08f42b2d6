"""Candidates: the few tracks of a listener that are looked at closely, and what is known of each of them.

They are the network's first tracks and what the evidence speaks for. Knows nothing of how features are weighed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.rnn.evidence import CHANNELS, Evidence
from app.rnn.memory import Memory
from app.rnn.neighbours import most_of_each

MOST = 120
"""Candidates of a listener. With 300 the target is among them more often (.469 instead of .404 on Nowplaying), and yet
the mixture foresees it no better."""

FROM_NETWORK = 100
"""How many of the network's first tracks may become candidates."""

FEATURES = (
    "log probability",
    *(f"log share: {channel}" for channel in CHANNELS),
    "log plays",
    "log newest plays",
    "was the last",
    "was heard before",
    "how long ago and how often",
)
SITUATION = 18 + 1

_LEAST_SHARE = 1e-4
# A first guess at the worth of the network's probability, the shares and a copy, good enough to leave out what has
# little of any. The mixer decides about the rest.
_FIRST_GUESS = np.array([0.3, 0.1, 0.4, 0.0, 0.0, 0.2, 0.05, 0.05])
_FIRST_GUESS_OF_COPY = 0.01


class Candidates(NamedTuple):
    """Candidates of B listeners.

    rows (B, K), ascending, -1 behind the last; features (B, K, 14), those of `FEATURES`; situations (B, 19). Feature 0
    is the network's log probability.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    situations: NDArray[np.float32]


def choose(
    memory: Memory,
    evidence: Evidence,
    log_probabilities: NDArray[np.float32],
    first_rows: NDArray[np.int64],
    first_log_probabilities: NDArray[np.float32],
) -> Candidates:
    """Choose the candidates among the evidence and the network's first tracks; none where nothing was heard.

    log_probabilities (n,) are the network's of the evidence's tracks; first_rows (B, F) its first tracks, with theirs.
    """
    B, V = len(first_rows), memory.catalogue_size
    known = evidence.requests * V + evidence.rows
    firsts = (np.arange(B)[:, None] * V + first_rows).ravel()
    places = np.searchsorted(known, firsts)
    places[places == len(known)] = 0
    # What no session held, new tracks above all, cannot be weighed by what sessions say: it keeps the network's logit.
    fresh = np.repeat(evidence.begun, first_rows.shape[1]) & (memory.plays[first_rows.ravel()] > 0)
    if len(known):
        fresh &= known[places] != firsts
    keys = np.concatenate((known, firsts[fresh]))
    order = np.argsort(keys, kind="stable")
    requests, rows = np.divmod(keys[order], V)
    # Where there is no evidence, all of it is nothing: one more entry of each array stands for that.
    entries = np.where(order < len(known), order, len(known))
    found = np.concatenate((log_probabilities, first_log_probabilities.ravel()[fresh]))[order]
    shares = np.concatenate((evidence.shares, np.zeros((len(CHANNELS), 1), np.float32)), 1)[:, entries]
    back = np.append(evidence.back, -1)[entries]
    times = np.append(evidence.times, 0)[entries]
    guess = np.exp(found.astype(np.float64)) + _FIRST_GUESS @ shares + _FIRST_GUESS_OF_COPY * (back >= 0)
    kept = most_of_each(requests, guess, MOST, B)
    requests, rows = requests[kept], rows[kept]
    turns = np.arange(len(kept)) - np.searchsorted(requests, requests)
    width = min(MOST, V)
    chosen = np.full((B, width), -1, np.int64)
    chosen[requests, turns] = rows
    features = np.zeros((B, width, len(FEATURES)), np.float32)
    features[requests, turns] = _features(memory, rows, found[kept], shares[:, kept], back[kept], times[kept])
    situations = np.column_stack((evidence.context, first_log_probabilities[:, 0]))
    return Candidates(chosen, features, situations.astype(np.float32))


def _features(
    memory: Memory,
    rows: NDArray[np.int64],
    log_probabilities: NDArray[np.float32],
    shares: NDArray[np.float32],
    back: NDArray[np.int64],
    times: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return (n, 14)."""
    heard = back >= 0
    return np.column_stack(
        (
            log_probabilities,
            np.log1p(shares.T / _LEAST_SHARE),
            memory.plays[rows],
            memory.newest_plays[rows],
            back == 0,
            back > 0,
            np.where(heard, np.log1p(np.maximum(back, 0)) + 0.5 * times, 0.0),
        )
    ).astype(np.float32)
