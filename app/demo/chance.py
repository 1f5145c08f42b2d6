"""Drawing by softmax in whole numbers, so that a seed gives the same sessions on every machine.

Floating-point sums and exponentials differ in the last bit from one processor to the next, and one bit is enough to
draw another track. Knows nothing of what is drawn.
"""

import numpy as np
from numpy.typing import NDArray

NAT = 16
"""Steps of strength that make one nat, a factor of e in the odds."""

_FLOOR = 13 * NAT  # no column's chance falls below exp(-13) of the best one's
_WEIGHTS = np.floor(2.0**20 * np.exp(-np.arange(_FLOOR + 1) / NAT)).astype(np.int32)


def soft_choice(
    strengths: NDArray[np.signedinteger], rng: np.random.Generator, barred: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Draw one column per row of `strengths` (N, M), p(j) ~ exp(strength_j / NAT), never one that is `barred`."""
    behind = strengths.max(axis=1, keepdims=True) - strengths
    weights = _WEIGHTS.take(behind, mode="clip")
    if barred is not None:
        weights[barred] = 0
    reached = np.cumsum(weights, axis=1, dtype=np.int64)
    drawn = rng.integers(0, reached[:, -1])
    chosen: NDArray[np.int64] = (reached <= drawn[:, None]).sum(axis=1)
    return chosen
