"""The mixture: the network's ranking, revised where past sessions have something to say of the recent tracks.

The same code answers listeners and is judged in evaluation. Knows nothing of files, or of how the mixer learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.domain.ranking import Ranking
from app.rnn.candidates import FROM_NETWORK, MOST, Candidates, choose
from app.rnn.evidence import gather
from app.rnn.memory import Memory
from app.rnn.mixer import Mixer, log_total
from app.rnn.neighbours import NeighbourSettings
from app.rnn.ranking import Places, Ranker, Revision, Survey

AT_ONCE = 64
"""Listeners considered together: more do not make it faster, and all their evidence is held at once."""

_LOWEST = torch.finfo(torch.float32).min
_EXCLUDED = float("-inf")


@dataclass(frozen=True, eq=False)
class Mixture:
    """A memory, how to search it, and the mixer that weighs what it says against the network."""

    memory: Memory
    settings: NeighbourSettings
    mixer: Mixer

    def examine(
        self,
        ranker: Ranker,
        outputs: Tensor,
        heard: NDArray[np.int64],
        excluded: Sequence[frozenset[int]] | None = None,
        most: int = 0,
    ) -> tuple[Candidates, Survey]:
        """Find the candidates of listeners with network outputs (B, K) who heard rows (B, HEARD).

        The survey holds the `most` best tracks not excluded, and as many more as there can be candidates.
        """
        evidence = gather(self.memory, heard, self.settings)
        survey = ranker.survey(
            outputs,
            (torch.from_numpy(evidence.requests), torch.from_numpy(evidence.rows)),
            [frozenset()] * len(outputs) if excluded is None else excluded,
            FROM_NETWORK,
            most + MOST if most else 0,
        )
        of_evidence = survey.asked - survey.log_total[torch.from_numpy(evidence.requests)]
        of_first = survey.first_logits - survey.log_total.unsqueeze(1)
        candidates = choose(self.memory, evidence, of_evidence.numpy(), survey.first_rows.numpy(), of_first.numpy())
        return candidates, survey

    @torch.inference_mode()
    def consider(
        self,
        ranker: Ranker,
        outputs: Tensor,
        heard: NDArray[np.int64],
        excluded: Sequence[frozenset[int]],
        most: int,
    ) -> "Considered":
        """Revise the network's logits for listeners; the answer is ready to give up to `most` tracks for each."""
        candidates, survey = self.examine(ranker, outputs, heard, excluded, most)
        rows = torch.from_numpy(candidates.rows)
        features = torch.from_numpy(candidates.features)
        present = rows >= 0
        logits = self.mixer(features, torch.from_numpy(candidates.situations), present)
        logits = logits.nan_to_num(nan=_LOWEST, neginf=_LOWEST).masked_fill(~present, _EXCLUDED)
        total = survey.log_total + log_total(logits, features[:, :, 0], present)
        return Considered(ranker, outputs, survey, Revision(rows, logits + survey.log_total.unsqueeze(1)), total)

    def top(
        self,
        ranker: Ranker,
        outputs: Tensor,
        heard: NDArray[np.int64],
        excluded: Sequence[frozenset[int]],
        limits: Sequence[int],
    ) -> list[Ranking]:
        """Rank as `Ranker.top` does, with the candidates' logits revised."""
        if not max(limits, default=0):
            return ranker.top(outputs, excluded, limits)
        rankings: list[Ranking] = []
        for first in range(0, len(outputs), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            considered = self.consider(ranker, outputs[part], heard[part], excluded[part], max(limits[part]))
            rankings += considered.top(excluded[part], limits[part])
        return rankings


@dataclass(frozen=True, eq=False)
class Considered:
    """Some listeners' revised distribution over the catalogue: softmax of the network's logits with the revision."""

    ranker: Ranker
    outputs: Tensor
    survey: Survey
    revision: Revision
    log_total: Tensor

    def top(self, excluded: Sequence[frozenset[int]], limits: Sequence[int]) -> list[Ranking]:
        """Rank the best `limit` tracks that are not excluded; equal logits by lower row."""
        V = len(self.ranker)
        candidates, revised = self.revision.rows.numpy(), self.revision.logits.numpy().copy()
        for own, logits, out in zip(candidates, revised, excluded, strict=True):
            if out:
                logits[[row in out for row in own.tolist()]] = _EXCLUDED
        others, logits = self.survey.rows.numpy(), self.survey.logits.numpy().copy()
        logits[(others[:, :, None] == candidates[:, None, :]).any(2)] = _EXCLUDED
        rows, values = np.concatenate((candidates, others), 1), np.concatenate((revised, logits), 1)
        order = np.lexsort((rows, -values))[:, : max(limits)]
        rows, values = np.take_along_axis(rows, order, 1), np.take_along_axis(values, order, 1)
        probabilities = np.exp(values - self.log_total.numpy()[:, None])
        return [
            Ranking(tuple(r[:n]), tuple(p[:n]), V, allowed)
            for r, p, allowed, n in (
                (r, p, allowed, min(limit, allowed))
                for r, p, limit, allowed in zip(
                    rows.tolist(),
                    probabilities.tolist(),
                    limits,
                    (V - sum(0 <= row < V for row in out) for out in excluded),
                    strict=True,
                )
            )
        ]

    def places(self, targets: Tensor) -> Places:
        """Find each target (B,) among all tracks, nothing excluded, as `Ranker.places` does."""
        return self.ranker.places(self.outputs, targets, self.revision)
