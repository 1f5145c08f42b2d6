"""The space an index searches in: outputs and rows mapped so that ordinary nearness means a nearness of logits.

With outputs q and rows x (a last number is added to both, 1 and the bias), q·x is the same after q is mapped by A and x
by B with A Bᵀ = 1. B is chosen so that the mean square of q·x over real outputs is the squared length of the mapped x:
two rows are near when their logits are, whatever is asked. Knows nothing of files or clusters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LEAST = 0.05
"""Directions that outputs hardly take are kept apart all the same: no less than this share of the mean square."""

_EIGHTS = 8
"""A multiple of the numbers a processor takes at once: the code scanner is fastest on whole ones."""


@dataclass(frozen=True, eq=False)
class Space:
    """The maps of outputs and of rows, (K + 1, D) each."""

    of_outputs: Floats
    of_rows: Floats

    @classmethod
    def of(cls, outputs: Floats) -> "Space":
        """Return the space in which real outputs (N, K) ask alike in all directions."""
        asked = _with_one(outputs).astype(np.float64)
        squares, axes = np.linalg.eigh(asked.T @ asked / max(len(asked), 1))
        scales = np.sqrt(np.maximum(squares, _LEAST * squares.mean()))
        spare = -len(scales) % _EIGHTS
        maps = (np.pad(each, ((0, 0), (0, spare))).astype(np.float32) for each in (axes / scales, axes * scales))
        return cls(*maps)

    def turned(self, axes: Floats) -> "Space":
        """Return the space with other axes (D, D), at right angles to each other."""
        return Space(self.of_outputs @ axes, self.of_rows @ axes)

    def outputs(self, outputs: Floats) -> Floats:
        """Map outputs (N, K); return (N, D)."""
        mapped: Floats = outputs @ self.of_outputs[:-1] + self.of_outputs[-1]
        return mapped

    def rows(self, rows: Floats, bias: Floats | None) -> Floats:
        """Map rows (N, K) with their biases (N,); return (N, D)."""
        mapped = rows @ self.of_rows[:-1]
        if bias is not None:
            mapped += bias[:, None] * self.of_rows[-1]
        return mapped


def _with_one(outputs: Floats) -> Floats:
    return np.concatenate((outputs, np.ones((len(outputs), 1), np.float32)), 1)
