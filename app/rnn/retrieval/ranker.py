"""Ranking by an index: candidates from a few clusters, their logits exact, and an estimate of what all logits sum to.

It answers as the exact ranker does, and leaves to it what it cannot answer: places in the whole ranking, and lists that
exclusions leave too short. Knows nothing of files, or of how the index was made.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from app.domain.ranking import Ranking
from app.rnn.ranking import Ranker, Survey
from app.rnn.retrieval.index import Index

MOST_CANDIDATES = 4096
"""More are not looked at one by one: whoever asks for that many is answered from the whole catalogue."""

_EXCLUDED = float("-inf")


class IndexedRanker(Ranker):
    """Ranks all tracks of a large catalogue; probabilities are estimates as good as the checkpoint's manifest says."""

    def __init__(
        self, table: Tensor, bias: Tensor | None, index: Index, as_ranked: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        """Take what the exact ranker takes, and the index of the same rows."""
        super().__init__(table, bias, as_ranked)
        self.index = index

    @torch.inference_mode()
    def top(self, outputs: Tensor, excluded: Sequence[frozenset[int]], limits: Sequence[int]) -> list[Ranking]:
        """Rank as `Ranker.top` does, with estimated probabilities."""
        V = len(self)
        left = [V - _within(rows, V) for rows in excluded]
        wanted = [min(limit, count) for limit, count in zip(limits, left, strict=True)]
        rankings = [Ranking((), (), V, count) for count in left]
        for count, places in self._alike(wanted).items():
            while places:
                short = []
                for place, best in zip(places, self._best(outputs[places], count), strict=True):
                    out, limit = excluded[place], wanted[place]
                    # Most first ones are allowed: what lies behind the limit is not looked at.
                    kept = list(islice((pair for pair in best if pair[0] >= 0 and pair[0] not in out), limit))
                    if len(kept) == limit:
                        tracks, shares = zip(*kept, strict=True)
                        rankings[place] = Ranking(tracks, shares, V, left[place])
                    elif count < min(limit + len(out), MOST_CANDIDATES):
                        short.append(place)
                    else:
                        rankings[place] = self._exact(outputs, excluded, limits, place)
                # Few of what is excluded lies among the best: who misses some looks further, the others need not.
                places, count = short, 2 * count
        return rankings

    @torch.inference_mode()
    def survey(
        self,
        outputs: Tensor,
        asked: tuple[Tensor, Tensor],
        excluded: Sequence[frozenset[int]],
        first: int,
        most: int,
    ) -> Survey:
        """Look over the catalogue as `Ranker.survey` does, `log_total` being an estimate."""
        count = self._count(max(first, most + max(map(len, excluded), default=0)))
        if count > MOST_CANDIDATES or first > self.index.settings.head:
            return super().survey(outputs, asked, excluded, first, most)
        rows, logits, log_total = self.found(outputs, count)
        barred = torch.tensor(
            [
                [row in out for row in r] if out else [False] * count
                for r, out in zip(rows.tolist(), excluded, strict=True)
            ],
            dtype=torch.bool,
        ).view(rows.shape)
        barred |= rows < 0
        allowed = logits.masked_fill(barred, _EXCLUDED)
        # Stable, so that equal logits stay in the order of their rows.
        order = allowed.sort(dim=1, descending=True, stable=True).indices[:, : min(most, len(self))]
        best = allowed.gather(1, order)
        if bool((rows[:, :first] < 0).any()) or (most and not bool(best.isfinite().all())):
            return super().survey(outputs, asked, excluded, first, most)
        requests, wanted = asked
        found = self._logits_of(outputs[requests], wanted.unsqueeze(1)).squeeze(1)
        return Survey(logits[:, :first], rows[:, :first], best, rows.gather(1, order), found, log_total)

    def _alike(self, wanted: Sequence[int]) -> dict[int, list[int]]:
        """Return the places of requests by how many candidates come first; those that want nothing are left out."""
        alike: dict[int, list[int]] = defaultdict(list)
        for place, limit in enumerate(wanted):
            if limit:
                alike[self._count(limit)].append(place)
        return alike

    def _best(self, outputs: Tensor, count: int) -> list[Iterator[tuple[int, float]]]:
        """Return rows and probabilities of the best candidates of each output, best first, -1 behind the last."""
        rows, logits, log_total = self.found(outputs, count)
        probabilities = (logits - log_total.unsqueeze(1)).exp()
        return [zip(r, p, strict=True) for r, p in zip(rows.tolist(), probabilities.tolist(), strict=True)]

    def _count(self, needed: int) -> int:
        """Return how many candidates are looked for: a request's answer depends on its own needs, not its company's."""
        count = self.index.settings.head
        while count < needed:
            count *= 2
        return count

    def found(self, outputs: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return rows (B, count), best first, equal logits by lower row; their logits; and log_total (B,)."""
        look = self.index.look(outputs)
        count = min(count, MOST_CANDIDATES)
        rows = self.index.candidates(look, count).sort(1).values
        logits = self._logits_of(outputs, rows.clamp(min=0)).masked_fill(rows < 0, _EXCLUDED)
        logits, order = logits.sort(dim=1, descending=True, stable=True)
        return rows.gather(1, order), logits, self.index.log_total(look, logits[:, : self.index.settings.head])

    def _exact(self, outputs: Tensor, excluded: Sequence[frozenset[int]], limits: Sequence[int], place: int) -> Ranking:
        here = slice(place, place + 1)
        return super().top(outputs[here], excluded[here], limits[here])[0]


def _within(rows: frozenset[int], tracks: int) -> int:
    """Return how many of the rows are in a catalogue of so many tracks; nearly always all of them."""
    if not rows or (min(rows) >= 0 and max(rows) < tracks):
        return len(rows)
    return sum(0 <= row < tracks for row in rows)
