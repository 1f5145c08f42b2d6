"""Pulling the output table back toward where it began, as far as held-out listening says.

Learning moves the vectors of tracks away from their co-occurrences, those of rare tracks partly by chance; a step
back averages the two. It costs no training. Knows nothing of epochs or files.
"""

import torch
from torch import Tensor
from torch.nn import functional

from app.dataset.folder import Sessions
from app.rnn.network import RecurrentNetwork
from app.trainer.validation import validate

SHARES = (0.0, 0.2, 0.4, 0.6)


@torch.no_grad()
def pull_back(network: RecurrentNetwork, start: Tensor, share: float) -> None:
    """Replace the rows of the output table O (V, K) by normalise((1 - share) normalise(O) + share S).

    start (V, K) holds the unit-length vectors S the table began as. A share of 0 changes nothing.
    """
    if network.output_table is not None and share:
        pulled = functional.normalize(network.output_table, dim=1).lerp(start, share)
        network.output_table.copy_(functional.normalize(pulled, dim=1))


@torch.no_grad()
def choose_pull_back(network: RecurrentNetwork, start: Tensor, sessions: Sessions) -> float:
    """Return the share of `SHARES` with the highest Recall@20 + MRR@20 on sessions the network has not learned from."""
    if network.output_table is None:
        return 0.0
    learned = network.output_table.detach().clone()
    goodness = {}
    for share in SHARES:
        pull_back(network, start, share)
        goodness[share] = validate(network, sessions).goodness
        network.output_table.copy_(learned)
    return max(SHARES, key=lambda share: goodness[share])
