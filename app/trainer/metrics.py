"""How good rankings are, as numbers: from the place of each target, and from what was recommended.

Places count from 1 over the whole catalogue. With one target per ranking, recall at k is the hit rate. Knows
nothing of models or sessions.
"""

import numpy as np
from numpy.typing import NDArray

CUTOFFS = (1, 5, 10, 20, 100)
"""The depths k every model is judged at."""

HEADLINE = 20
"""The depth that decides: what the published tables of session-based recommendation use."""

Places = NDArray[np.int64]
Figures = NDArray[np.float64]


def hits(places: Places, k: int) -> Figures:
    """Return 1 where the target is among the first k, else 0; the mean is Recall@k.

    [place <= k] (Hidasi et al., ICLR 2016, section 4.2: with one relevant item, recall is the hit rate).
    """
    return (places <= k).astype(np.float64)


def reciprocal_ranks(places: Places, k: int) -> Figures:
    """Return 1/place where the target is among the first k, else 0; the mean is MRR@k (Hidasi et al., ICLR 2016)."""
    return np.where(places <= k, 1.0 / places, 0.0)


def gains(places: Places, k: int) -> Figures:
    """Return 1/log2(1 + place) where the target is among the first k, else 0; the mean is NDCG@k.

    With a single relevant item the ideal gain is 1 (Järvelin & Kekäläinen, TOIS 2002, with the common log2(1 + i)).
    """
    return np.where(places <= k, 1.0 / np.log2(1.0 + places), 0.0)


def coverage(recommended: NDArray[np.bool_]) -> float:
    """Return the share of the catalogue that was recommended at least once; recommended (V,) is a mask.

    |union of the recommendation lists| / V (aggregate diversity: Adomavicius & Kwon, TKDE 2012).
    """
    return float(np.count_nonzero(recommended) / len(recommended)) if len(recommended) else 0.0


def mean_popularity(shown: NDArray[np.int64], support: NDArray[np.int64]) -> float:
    """Return how often a shown track was played in training, on average; 0 when nothing was shown.

    The average recommendation popularity (Yin et al., PVLDB 2012). shown (V,) counts how often each track was shown,
    support (V,) how often it was played.
    """
    return float(shown @ support / shown.sum()) if shown.any() else 0.0


def log_loss(log_probabilities: Figures) -> float:
    """Return the mean of -ln p(target), in nats: the cross-entropy of the softmax."""
    return float(-log_probabilities.mean())
