"""The bar: rows that must not be ranked, put behind all others in a block of logits. Knows nothing of why."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

EXCLUDED = float("-inf")


class Bar:
    """The rows that must not be ranked, for each request."""

    def __init__(self, barred: Sequence[NDArray[np.int64]]) -> None:
        self._requests = torch.from_numpy(np.repeat(np.arange(len(barred)), [len(rows) for rows in barred]))
        self._rows = torch.from_numpy(np.concatenate(barred)) if barred else torch.empty(0, dtype=torch.int64)

    def apply(self, first: int, logits: Tensor) -> None:
        """Put them last in a block (B, n) of logits that begins with row `first`."""
        here = (self._rows >= first) & (self._rows < first + logits.shape[1])
        logits[self._requests[here], self._rows[here] - first] = EXCLUDED


def rows_within(rows: frozenset[int], count: int) -> NDArray[np.int64]:
    """Return those of the rows that a catalogue of `count` tracks has."""
    array = np.fromiter(rows, np.int64, len(rows))
    return array[(array >= 0) & (array < count)]
