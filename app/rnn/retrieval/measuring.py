"""How an index is searched, chosen by measuring it against the exact ranking, and how good it is after that.

One half of the held-out outputs chooses, the other half judges. Knows nothing of files.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from app.rnn.network import RecurrentNetwork
from app.rnn.ranking import Ranker, Survey
from app.rnn.retrieval.building import outputs_after
from app.rnn.retrieval.index import Index
from app.rnn.retrieval.ranker import IndexedRanker

DEPTH = 20
WANTED_RECALL = 0.995
WANTED_ERROR = 0.04
_HEADS = (128, 256, 512)
_PROBES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_AT_ONCE = 128

_WORTH_NOTHING = 0.001
"""Recall that is not worth searching more clusters for."""

_SCANNED_FOR_EACH = 8
"""Tracks scanned for each that is kept, or the sum would miss good tracks of the clusters that are not searched."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured on outputs that chose nothing: errors are those of the log of the softmax's normaliser."""

    recall_at_20: float
    log_total_error_mean: float
    log_total_error_std: float
    log_total_error_p99: float
    log_total_error_max: float
    outputs: int

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as the manifest holds them."""
        return asdict(self)


def chosen(index: Index, network: RecurrentNetwork, exact: Ranker) -> tuple[Index, Figures]:
    """Return the index with the cheapest settings that find and estimate well enough, and how well it does.

    Where no setting does, one of the most candidates is taken; the figures tell.
    """
    outputs = outputs_after(network, index.playlists)
    truth = _surveys(exact, outputs)
    first, second = (slice(start, None, 2) for start in (0, 1))
    for head in _HEADS:
        index = index.with_settings(replace(index.settings, head=head, log_total_bias=0.0))
        index, recall = _with_probes(index, network, outputs[first], truth.first_rows[first])
        errors = _answers(index, network, outputs[first])[1] - truth.log_total[first]
        index = index.with_settings(replace(index.settings, log_total_bias=float(errors.mean())))
        if recall >= WANTED_RECALL and float((errors - errors.mean()).abs().quantile(0.99)) <= WANTED_ERROR:
            break
    return index, _figures(index, network, outputs[second], truth.first_rows[second], truth.log_total[second])


def _with_probes(index: Index, network: RecurrentNetwork, outputs: Tensor, best: Tensor) -> tuple[Index, float]:
    """Return the index with the fewest probes that find well enough, or nearly all that can be found; and the recall.

    Where many tracks are nearly equal, the best are lost among the candidates however many clusters are searched.
    """
    of_a_cluster = network.config.catalogue_size / len(index.clusters)
    least = math.ceil(_SCANNED_FOR_EACH * index.settings.head / of_a_cluster)
    tried: list[tuple[Index, float]] = []
    for probes in sorted({least, *(probes for probes in _PROBES if probes > least)}):
        index = index.with_settings(replace(index.settings, probes=min(probes, len(index.clusters))))
        tried.append((index, _recall(best, _answers(index, network, outputs)[0])))
        if tried[-1][1] >= WANTED_RECALL:
            return tried[-1]
    enough = max(recall for _, recall in tried) - _WORTH_NOTHING
    return next(one for one in tried if one[1] >= enough)


def _figures(index: Index, network: RecurrentNetwork, outputs: Tensor, best: Tensor, log_total: Tensor) -> Figures:
    found, estimated = _answers(index, network, outputs)
    errors = estimated - log_total
    return Figures(
        recall_at_20=_recall(best, found),
        log_total_error_mean=float(errors.mean()),
        log_total_error_std=float(errors.std(correction=0)),
        log_total_error_p99=float(errors.abs().quantile(0.99)),
        log_total_error_max=float(errors.abs().max()),
        outputs=len(outputs),
    )


def _answers(index: Index, network: RecurrentNetwork, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the index alone finds: first rows (N, DEPTH), -1 where there are fewer, and log totals (N,)."""
    ranker = IndexedRanker(network.stored_table, network.ranking_bias(), index, network.ranking_rows)
    found = [ranker.found(part, index.settings.head) for part in torch.split(outputs, _AT_ONCE)]
    return torch.cat([rows[:, :DEPTH] for rows, _, _ in found]), torch.cat([log_total for _, _, log_total in found])


def _surveys(ranker: Ranker, outputs: Tensor) -> Survey:
    nothing = torch.empty(0, dtype=torch.int64)
    parts = [
        ranker.survey(part, (nothing, nothing), [frozenset()] * len(part), DEPTH, 0)
        for part in torch.split(outputs, _AT_ONCE)
    ]
    return Survey(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _recall(best: Tensor, found: Tensor) -> float:
    return float((best.unsqueeze(2) == found.unsqueeze(1)).any(2).float().mean())
