"""Clusters of rows: which of them may hold the best tracks for an output, and what the logits of each sum to.

Within a cluster, the logits of an output are taken to be normally distributed, with the mean and the variance that its
rows have. Knows nothing of single rows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 3.0
"""How many standard deviations above a cluster's mean its best track is looked for: of 0 to 4, 3 finds most."""

_SQRT_HALF = 0.5**0.5
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True, eq=False)
class Look:
    """What is known of each cluster's logits for outputs (B,): means and variances (B, L), and the mapped outputs."""

    outputs: Tensor
    means: Tensor
    variances: Tensor


@dataclass(frozen=True, eq=False)
class Clusters:
    """L clusters in D dimensions: means (L, D), variances (L, D) along the axes, log_sizes (L,), -inf where empty."""

    means: Tensor
    variances: Tensor
    log_sizes: Tensor

    def __len__(self) -> int:
        return len(self.log_sizes)

    def look(self, outputs: Tensor) -> Look:
        """Compare mapped outputs (B, D) with all clusters."""
        return Look(outputs, outputs @ self.means.t(), (outputs * outputs) @ self.variances.t())

    def promising(self, look: Look, count: int) -> tuple[Tensor, Tensor]:
        """Return the `count` clusters (B, count) where the best tracks probably are, and their mean logits."""
        hopes = look.means + REACH * look.variances.sqrt() + self.log_sizes.clamp(max=0.0)
        chosen = hopes.topk(count, 1).indices
        return chosen, look.means.gather(1, chosen)

    def log_total_below(self, look: Look, bounds: Tensor) -> Tensor:
        """Estimate (B,) the log of the sum of exp(logit) over all tracks whose logit is below `bounds` (B,).

        The sum over a normal distribution cut off at a bound: Johnson, Kotz & Balakrishnan, Continuous Univariate
        Distributions 1 (1994), 14.8, with n e^(m + v/2) Φ((bound - m - v) / sqrt(v)) for a cluster of n tracks.
        """
        logs = look.means + 0.5 * look.variances + self.log_sizes
        above = (look.means + look.variances - bounds.unsqueeze(1)) / look.variances.sqrt().clamp(min=_LEAST_SPREAD)
        highest = logs.amax(1)
        sums = ((logs - highest.unsqueeze(1)).exp() * torch.erfc(above * _SQRT_HALF)).sum(1) * 0.5
        return highest + sums.log()
