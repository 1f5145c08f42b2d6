"""The ranking losses of GRU4Rec: how far what was played stands above the negatives, pair by pair.

With r the logits, i what was played, j its M negatives and s the sigmoid:

    TOP1      1/M sum_j s(r_j - r_i) + s(r_j^2)                              Hidasi et al., ICLR 2016, section 3.1.3
    BPR       -1/M sum_j log s(r_i - r_j)                                    the same
    TOP1-max  sum_j w_j (s(r_j - r_i) + s(r_j^2))                            Hidasi & Karatzoglou, CIKM 2018, section 4
    BPR-max   -log sum_j w_j s(r_i - r_j) + penalty sum_j w_j r_j^2          the same

w is the softmax over the negatives' logits, through which the gradient flows too: the highest negative counts most.
Knows nothing of where logits or negatives come from.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

PairwiseLoss = Callable[[Tensor, Tensor, float], Tensor]


def top1(logits: Tensor, columns: Tensor, penalty: float = 0.0) -> Tensor:  # noqa: ARG001 - one signature for all
    """Return the mean TOP1 loss of logits (N, C) whose targets are at columns (N,); every other column is a negative.

    Logits of negatives are kept near 0 by the second term; `penalty` is not used.
    """
    own = columns.unsqueeze(1)
    return _but_own(_top1_terms(logits, own), own).sum(1).mean() / _negatives(logits)


def bpr(logits: Tensor, columns: Tensor, penalty: float = 0.0) -> Tensor:  # noqa: ARG001 - one signature for all
    """Return the mean BPR loss of logits (N, C) with targets at columns (N,); `penalty` is not used."""
    own = columns.unsqueeze(1)
    return -_but_own(functional.logsigmoid(logits.gather(1, own) - logits), own).sum(1).mean() / _negatives(logits)


def top1_max(logits: Tensor, columns: Tensor, penalty: float = 0.0) -> Tensor:  # noqa: ARG001 - one signature for all
    """Return the mean TOP1-max loss of logits (N, C) with targets at columns (N,); `penalty` is not used."""
    own = columns.unsqueeze(1)
    return (_weights(logits, own) * _top1_terms(logits, own)).sum(1).mean()


def bpr_max(logits: Tensor, columns: Tensor, penalty: float) -> Tensor:
    """Return the mean BPR-max loss of logits (N, C) with targets at columns (N,), large negatives penalised."""
    if logits.shape[1] == 1:
        return logits.sum() * 0.0
    own = columns.unsqueeze(1)
    lowest = torch.finfo(logits.dtype).min
    log_weights = torch.log_softmax(logits.scatter(1, own, lowest), 1)
    above = functional.logsigmoid(logits.gather(1, own) - logits)
    # Added up as logarithms: where every negative stands far above the target, the sum itself would be 0.
    surprise = -torch.logsumexp((log_weights + above).scatter(1, own, lowest), 1)
    return (surprise + penalty * (_weights(logits, own) * logits.square()).sum(1)).mean()


PAIRWISE_LOSSES: Mapping[str, PairwiseLoss] = MappingProxyType(
    {"top1": top1, "bpr": bpr, "top1-max": top1_max, "bpr-max": bpr_max}
)
"""Each loss by the name recipes call it."""


def _top1_terms(logits: Tensor, own: Tensor) -> Tensor:
    return torch.sigmoid(logits - logits.gather(1, own)) + torch.sigmoid(logits.square())


def _weights(logits: Tensor, own: Tensor) -> Tensor:
    """Return the softmax over the negatives (N, C), 0 at the target."""
    return _but_own(torch.softmax(logits.scatter(1, own, torch.finfo(logits.dtype).min), 1), own)


def _but_own(terms: Tensor, own: Tensor) -> Tensor:
    return terms.scatter(1, own, 0.0)


def _negatives(logits: Tensor) -> int:
    """Return M, at least 1: without negatives there is nothing to learn, and the sums are 0."""
    return max(logits.shape[1] - 1, 1)
