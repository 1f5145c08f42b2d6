"""Ranking the whole catalogue from an output vector: the best tracks, and where a given track stands.

One code for the server and the evaluation. It knows nothing of how an output came about or of who listens.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.domain.ranking import Ranking
from app.rnn.bar import EXCLUDED, Bar, rows_within
from app.rnn.best import Best

_LOGITS_PER_BLOCK = 1 << 22
"""Logits held at once: 16 MB. More do not make the product faster, and every request waits for the memory."""

_LOGITS_PER_BUFFER = 1 << 23
"""Logits held at once where the memory is used again and again: 32 MB."""

_LOGITS_PER_LOOK = 1 << 18
"""Logits compared at once: 1 MB, what stays in the processor's cache between one look and the next."""

_ROWS_PER_BLOCK = 1 << 16
"""Rows turned into those that rank at once, where they are kept otherwise."""

_LOWEST = torch.finfo(torch.float32).min


class Revision(NamedTuple):
    """Logits to be taken instead of the network's: of tracks rows (B, K), -1 where there is none, logits (B, K)."""

    rows: Tensor
    logits: Tensor


class Survey(NamedTuple):
    """One walk over the catalogue: the first tracks of all, the best that are not excluded, and some asked for.

    first_logits, first_rows (B, F) and logits, rows (B, most) go best first, equal ones by lower row; asked (n,) are
    the logits that were asked for; log_total (B,) is the log of the sum over the catalogue of exp(logit).
    """

    first_logits: Tensor
    first_rows: Tensor
    logits: Tensor
    rows: Tensor
    asked: Tensor
    log_total: Tensor


class Places(NamedTuple):
    """Where targets stand: 1-based `ranks` (N,) int64, ties against the model, and `log_probabilities` (N,)."""

    ranks: Tensor
    log_probabilities: Tensor


class Ranker:
    """Ranks all tracks by output · row + bias, over a table (V, K) held as it is (memory-mapped ones are welcome)."""

    def __init__(
        self, table: Tensor, bias: Tensor | None = None, as_ranked: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        """Take the table, and how its rows are to be turned into those that rank, where they are not such already."""
        self._table = table.detach()
        self._bias = None if bias is None else bias.detach()
        self._as_ranked = as_ranked

    def __len__(self) -> int:
        return len(self._table)

    @torch.inference_mode()
    def top(self, outputs: Tensor, excluded: Sequence[frozenset[int]], limits: Sequence[int]) -> list[Ranking]:
        """Rank for each output (B, K) the best `limit` tracks that are not excluded; equal logits by lower row.

        Probabilities are of the softmax over the whole catalogue, before exclusion. Where fewer tracks than the
        limit are left, all of them are returned. A logit that is not a number ranks last.
        """
        V = len(self)
        barred = [rows_within(rows, V) for rows in excluded]
        most = min(max(limits, default=0), V)
        if most == 0:
            return [Ranking((), (), V, V - len(rows)) for rows in barred]
        best, rows, log_total = self._scan(outputs, barred, most)
        probabilities = (best - log_total.unsqueeze(1)).exp().nan_to_num(nan=0.0)
        return [
            Ranking(tuple(r[:n]), tuple(p[:n]), V, V - len(out))
            for r, p, out, n in zip(
                rows.tolist(),
                probabilities.tolist(),
                barred,
                (min(limit, V - len(out)) for limit, out in zip(limits, barred, strict=True)),
                strict=True,
            )
        ]

    def _scan(self, outputs: Tensor, barred: Sequence[NDArray[np.int64]], most: int) -> tuple[Tensor, Tensor, Tensor]:
        """Walk the catalogue in blocks; return the `most` best logits (B, most), their rows, log sum exp (B,)."""
        bar = Bar(barred)
        best = Best(outputs, most)
        log_total = outputs.new_full((len(outputs),), EXCLUDED)
        for first, logits, log_block in self._blocks(outputs):
            log_total = torch.logaddexp(log_total, log_block)
            bar.apply(first, logits)
            best.add(first, logits)
        return best.logits, best.rows, log_total

    @torch.inference_mode()
    def survey(
        self,
        outputs: Tensor,
        asked: tuple[Tensor, Tensor],
        excluded: Sequence[frozenset[int]],
        first: int,
        most: int,
    ) -> Survey:
        """Look over the catalogue once for outputs (B, K): the `first` best tracks, and the `most` best not excluded.

        asked are pairs of a request (n,) and a row (n,) whose logits are wanted.
        """
        V = len(self)
        barred = [rows_within(rows, V) for rows in excluded]
        bar, all_allowed = Bar(barred), not any(map(len, barred))
        of_all = Best(outputs, min(max(first, most) if all_allowed else first, V))
        of_allowed = Best(outputs, min(most, V))
        requests, rows = asked
        found = outputs.new_empty(len(rows))
        log_total = outputs.new_full((len(outputs),), EXCLUDED)
        for start, logits, log_block in self._blocks(outputs):
            log_total = torch.logaddexp(log_total, log_block)
            if logits.shape[1] == V:
                found = logits[requests, rows]
            else:
                here = (rows >= start) & (rows < start + logits.shape[1])
                found[here] = logits[requests[here], rows[here] - start]
            of_all.add(start, logits)
            if most and not all_allowed:
                bar.apply(start, logits)
                of_allowed.add(start, logits)
        if all_allowed:
            of_allowed.logits, of_allowed.rows = of_all.logits[:, :most], of_all.rows[:, :most]
        return Survey(
            of_all.logits[:, :first], of_all.rows[:, :first], of_allowed.logits, of_allowed.rows, found, log_total
        )

    def _blocks(self, outputs: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the first row of each block of the catalogue, its logits (B, n) and their log sum exp (B,)."""
        V = len(self)
        size = max(_LOGITS_PER_BLOCK // len(outputs), 4096)
        for first in range(0, V, size):
            logits = self._logits(outputs, first, min(first + size, V))
            log_block = torch.logsumexp(logits, 1)
            if not bool(log_block.isfinite().all()):
                logits.nan_to_num_(nan=_LOWEST, neginf=_LOWEST)
                log_block = torch.logsumexp(logits, 1)
            yield first, logits, log_block

    @torch.inference_mode()
    def places(self, outputs: Tensor, targets: Tensor, revision: Revision | None = None) -> Places:
        """Find each target (N,) in the ranking its output (N, K) gives over the whole catalogue, nothing excluded.

        rank = 1 + the number of other tracks whose logit is not below the target's. Logits are the revision's where
        there is one.
        """
        N, V = len(targets), len(self)
        ranks, log_probabilities = torch.empty(N, dtype=torch.int64), torch.empty(N)
        size = min(max(_LOGITS_PER_BUFFER // V, 1), max(N, 1))
        few = max(_LOGITS_PER_LOOK // V, 1)
        buffer = torch.empty(size, V)
        for first in range(0, N, size):
            # One buffer for all products: fresh memory of this size costs more than the product itself.
            logits = self._products(outputs[first : first + size], buffer[: min(size, N - first)])
            for start in range(0, len(logits), few):
                look = logits[start : start + few]
                if self._bias is not None:
                    look += self._bias
                here = slice(first + start, first + start + len(look))
                if revision is not None:
                    _revise(look, revision.rows[here], revision.logits[here])
                own = look.gather(1, targets[here].unsqueeze(1))
                # Counted from below, so that whatever is not a number stands above the target.
                ranks[here] = V - (look < own).sum(1)
                log_probabilities[here] = own.squeeze(1) - torch.logsumexp(look, 1)
        return Places(ranks, log_probabilities)

    def _logits(self, outputs: Tensor, first: int, last: int) -> Tensor:
        rows = self._rows(slice(first, last)).t()
        return outputs @ rows if self._bias is None else torch.addmm(self._bias[first:last], outputs, rows)

    def _logits_of(self, outputs: Tensor, rows: Tensor) -> Tensor:
        """Return the logits (B, n) of some rows (B, n) each; one by one, so that company changes no bit of them."""
        # Indexing by a tensor takes four times as long as selecting.
        table = torch.index_select(self._table, 0, rows.flatten()).view(*rows.shape, self._table.shape[1])
        logits = ((table if self._as_ranked is None else self._as_ranked(table)) * outputs.unsqueeze(1)).sum(2)
        return logits if self._bias is None else logits + self._bias[rows]

    def _products(self, outputs: Tensor, buffer: Tensor) -> Tensor:
        """Fill a buffer (B, V) with outputs · row."""
        if self._as_ranked is None:
            return torch.mm(outputs, self._table.t(), out=buffer)
        for first in range(0, len(self), _ROWS_PER_BLOCK):
            here = slice(first, first + _ROWS_PER_BLOCK)
            buffer[:, here] = outputs @ self._rows(here).t()
        return buffer

    def _rows(self, which: slice) -> Tensor:
        rows = self._table[which]
        return rows if self._as_ranked is None else self._as_ranked(rows)


def _revise(logits: Tensor, rows: Tensor, revised: Tensor) -> None:
    """Put revised logits (B, K) in the place of those of their rows (B, K), -1 being none."""
    requests, columns = torch.nonzero(rows >= 0, as_tuple=True)
    logits[requests, rows[requests, columns]] = revised[requests, columns]
