"""Which ranker a network is ranked by: over its rows as they are stored, or over a copy where that is quicker.

Knows nothing of checkpoints or listeners.
"""

import torch
from torch import Tensor

from app.rnn.certified import CertifiedRanker
from app.rnn.network import RecurrentNetwork
from app.rnn.ranking import Ranker
from app.rnn.retrieval.index import Index
from app.rnn.retrieval.ranker import IndexedRanker
from app.rnn.rough import RoughTable

_ROUGH_FROM = 30_000
"""Tracks from which a rough look at all of them saves more than looking at some again costs."""


@torch.no_grad()
def exact_ranker(network: RecurrentNetwork) -> Ranker:
    """Return the ranker that multiplies with every row."""
    if network.in_halves:
        # A copy in single precision of a table worth halving is what halving was to spare.
        return Ranker(network.stored_table, network.ranking_bias(), network.ranking_rows)
    return Ranker(_by_number(network.ranking_table()), network.ranking_bias())


@torch.no_grad()
def ranker_of(network: RecurrentNetwork, index: Index | None) -> Ranker:
    """Return the ranker that answers listeners: by the index, where there is one."""
    if index is not None:
        return IndexedRanker(network.stored_table, network.ranking_bias(), index, network.ranking_rows)
    table = network.ranking_table()
    if len(table) < _ROUGH_FROM or not RoughTable.can_hold(table):
        return exact_ranker(network)
    rough = RoughTable(table, network.ranking_bias())
    return CertifiedRanker(rough, network.stored_table, network.ranking_bias(), network.ranking_rows)


def _by_number(table: Tensor) -> Tensor:
    """Return the table (V, K) copied so that the first numbers of all rows lie together, then the second ones.

    The product of one output with every row then adds up whole columns, in the order of memory: a third of the time
    at 100,000 rows, where it is most of what a listener waits for.
    """
    return table.t().contiguous().t()
