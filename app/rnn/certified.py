"""Ranking the whole catalogue exactly at half the cost: rough logits choose, exact ones decide, a bound certifies.

No track outside the candidates can be better than its rough logit and how far that may be off. Outputs for which the
last wanted track is not above that are ranked the slow way, all of a batch together. Knows nothing of how rough logits
come about.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.rnn.bar import EXCLUDED, Bar, rows_within
from app.rnn.best import near_best
from app.rnn.ranking import Ranker, Survey
from app.rnn.rough import RoughTable

_SPARE = 28
"""Candidates beyond the wanted ones: their rough logits reach further below these than any rough logit may be off."""


class _Found(NamedTuple):
    """The best tracks: exact logits and rows (B, most), best first, and whether (B,) they certainly are the best."""

    logits: Tensor
    rows: Tensor
    certain: Tensor


class CertifiedRanker(Ranker):
    """Ranks as `Ranker` does, to the same tracks; `log_total` is of the rough logits, whose errors cancel out."""

    def __init__(
        self, rough: RoughTable, table: Tensor, bias: Tensor | None, as_ranked: Callable[[Tensor], Tensor]
    ) -> None:
        """Take what the exact ranker takes, and rough logits of the same rows."""
        super().__init__(table, bias, as_ranked)
        self._rough = rough

    def _scan(self, outputs: Tensor, barred: Sequence[NDArray[np.int64]], most: int) -> tuple[Tensor, Tensor, Tensor]:
        logits = self._rough.logits(outputs)
        log_total = _log_total(logits)
        Bar(barred).apply(0, logits)
        best, rows, certain = self._best(outputs, logits, most)
        if doubtful := _those(~certain | ~log_total.isfinite()):
            slow = super()._scan(outputs[doubtful], [barred[place] for place in doubtful], most)
            best[doubtful], rows[doubtful], log_total[doubtful] = slow
        return best, rows, log_total

    @torch.inference_mode()
    def survey(
        self,
        outputs: Tensor,
        asked: tuple[Tensor, Tensor],
        excluded: Sequence[frozenset[int]],
        first: int,
        most: int,
    ) -> Survey:
        """Look over the catalogue as `Ranker.survey` does."""
        V = len(self)
        first, most = min(first, V), min(most, V)
        logits = self._rough.logits(outputs)
        log_total = _log_total(logits)
        of_all = self._best(outputs, logits, first)
        Bar([rows_within(rows, V) for rows in excluded]).apply(0, logits)
        of_allowed = self._best(outputs, logits, most)
        requests, rows = asked
        found = self._logits_of(outputs[requests], rows.unsqueeze(1)).squeeze(1)
        survey = Survey(*of_all[:2], *of_allowed[:2], found, log_total)
        if doubtful := _those(~of_all.certain | ~of_allowed.certain | ~log_total.isfinite()):
            theirs = torch.isin(requests, torch.tensor(doubtful))
            among = torch.zeros(len(outputs), dtype=torch.int64)
            among[doubtful] = torch.arange(len(doubtful))
            asked = among[requests[theirs]], rows[theirs]
            slow = super().survey(outputs[doubtful], asked, [excluded[place] for place in doubtful], first, most)
            for part, slow_part in zip(survey, slow, strict=True):
                part[theirs if part is found else doubtful] = slow_part
        return survey

    def _best(self, outputs: Tensor, logits: Tensor, most: int) -> _Found:
        """Find the `most` best tracks by rough logits (B, V), which are -inf of what is excluded."""
        if not most:
            return _Found(logits[:, :0], torch.empty(len(logits), 0, dtype=torch.int64), logits[:, 0] == logits[:, 0])
        near, rows = near_best(logits, min(most + _SPARE, len(self)))
        rows, order = rows.sort(1)
        excluded = near.gather(1, order) == EXCLUDED
        exact = self._logits_of(outputs, rows).masked_fill(excluded, EXCLUDED)
        # Stable, so that equal logits stay in the order of their rows.
        exact, order = exact.sort(dim=1, descending=True, stable=True)
        # What is not looked at is no better than the last that is.
        beyond = near[:, -1]
        certain = (exact[:, most - 1] > beyond + self._rough.bounds(outputs)) | (beyond == EXCLUDED)
        return _Found(exact[:, :most], rows.gather(1, order)[:, :most], certain)


def _log_total(logits: Tensor) -> Tensor:
    """Return (B,) the log of the sums of exp(logit); log_softmax finds it in half the time of logsumexp."""
    return logits[:, 0] - torch.log_softmax(logits, 1)[:, 0]


def _those(chosen: Tensor) -> list[int]:
    places: list[int] = chosen.nonzero().flatten().tolist()
    return places
