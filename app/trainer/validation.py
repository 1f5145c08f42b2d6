"""How well a network foresees sessions it has not learned from, as early stopping needs to know it: soon.

The full judgement is in `evaluation.py`; both rank with `rnn/ranking.py`. Knows nothing of epochs.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.rnn.network import PADDING, RecurrentNetwork
from app.rnn.ranking import Ranker
from app.trainer.batches import in_order

_CUTOFF = 20
_EVENTS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Validation:
    """Recall@20, MRR@20 and mean -log probability over the targets of the validation sessions."""

    recall: float
    mrr: float
    log_loss: float

    @property
    def goodness(self) -> float:
        """What early stopping maximises."""
        return self.recall + self.mrr


def thinned(sessions: Sessions, most_targets: int) -> Sessions:
    """Return evenly spread sessions with about `most_targets` targets, all of them where they are fewer."""
    rows = thinned_rows(sessions, most_targets)
    return sessions if len(rows) == len(sessions) else sessions.select(rows)


def thinned_rows(sessions: Sessions, most_targets: int) -> NDArray[np.int64]:
    """Return the numbers of evenly spread sessions with about `most_targets` targets, growing."""
    targets = int(len(sessions.tracks) - len(sessions))
    if targets <= most_targets:
        return np.arange(len(sessions))
    count = max(1, len(sessions) * most_targets // targets)
    return np.linspace(0, len(sessions) - 1, count).round().astype(np.int64)


def cut(sessions: Sessions, longest: int) -> Sessions:
    """Return the sessions in pieces of at most `longest` tracks, each a session of its own, in order."""
    starts = [np.arange(first, end, longest) for first, end in pairwise(sessions.offsets.tolist())]
    offsets = np.concatenate([*starts, sessions.offsets[-1:]]).astype(np.int64)
    return Sessions(sessions.tracks, offsets, sessions.times)


@torch.inference_mode()
def validate(network: RecurrentNetwork, sessions: Sessions) -> Validation:
    """Rank every track of every session but the first among the whole catalogue, from those before it."""
    network.eval()
    ranker = Ranker(network.ranking_table(), network.ranking_bias())
    hits = reciprocal = surprise = 0.0
    count = 0
    for tracks, _ in in_order(sessions, _EVENTS_AT_ONCE):
        playlists = torch.from_numpy(tracks)
        outputs, _ = network(playlists[:, :-1])
        asked = playlists[:, 1:] != PADDING
        places = ranker.places(outputs[asked], playlists[:, 1:][asked])
        near = places.ranks <= _CUTOFF
        hits += float(near.sum())
        reciprocal += float((near / places.ranks).sum())
        surprise -= float(places.log_probabilities.sum())
        count += len(near)
    return Validation(hits / count, reciprocal / count, surprise / count) if count else Validation(0.0, 0.0, 0.0)
