"""The temperature at which a network's probabilities fit listening it has not learned from.

Dividing all logits by one number changes no ranking, only how sure it is. Knows nothing of files or epochs.
"""

import math

import torch
from torch import Tensor

from app.dataset.folder import Sessions
from app.rnn.network import PADDING, RecurrentNetwork
from app.trainer.batches import in_order
from app.trainer.validation import thinned

LEAST_TARGETS = 100
"""Fewer say too little: one lucky session would make the network sure of everything."""

_RANGE = 4.0  # no temperature outside 1/4 to 4: beyond, the network is broken or the targets are few
_MOST_TARGETS = 5000
_MOST_LOGITS = 3e8  # looked at in each of about five rounds, a second or two on one core
_LOGITS_PER_BLOCK = 1 << 22
_EVENTS_AT_ONCE = 4096
_ROUNDS = 30


@torch.inference_mode()
def fit_temperature(network: RecurrentNetwork, sessions: Sessions) -> float:
    """Return the temperature T that maximises the mean log-likelihood of the sessions' targets under softmax(z / T).

    Temperature scaling: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2. The mean of
    logsumexp(b z) - b z_target is convex in b = 1/T; Newton steps within a shrinking bracket find its lowest point.
    The softmax is over the whole catalogue, of about 5,000 targets. The network's own temperature stays if there are
    fewer than LEAST_TARGETS or its logits are no numbers.
    """
    network.eval()
    catalogue_size = network.config.catalogue_size
    few = thinned(sessions, int(max(min(_MOST_TARGETS, _MOST_LOGITS / catalogue_size), LEAST_TARGETS)))
    outputs, targets = _before_targets(network, few)
    if len(targets) < LEAST_TARGETS:
        return network.config.temperature
    sharpness, low, high = 1.0, 1 / _RANGE, _RANGE
    for _ in range(_ROUNDS):
        slope, curvature = _derivatives(network, outputs, targets, sharpness)
        if not math.isfinite(slope) or not math.isfinite(curvature):
            return network.config.temperature
        low, high = (low, sharpness) if slope > 0 else (sharpness, high)
        moved = sharpness - slope / curvature if curvature > 0 else high
        if not low < moved < high:
            moved = math.sqrt(low * high)
        settled = abs(moved - sharpness) < 1e-4 * sharpness
        sharpness = moved
        if settled:
            break
    return network.config.temperature / sharpness


def _before_targets(network: RecurrentNetwork, sessions: Sessions) -> tuple[Tensor, Tensor]:
    """Return the outputs (N, K) before every target, and the targets (N,)."""
    outputs, targets = [], []
    for tracks, _ in in_order(sessions, _EVENTS_AT_ONCE):
        playlists = torch.from_numpy(tracks)
        asked = playlists[:, 1:] != PADDING
        outputs.append(network(playlists[:, :-1])[0][asked])
        targets.append(playlists[:, 1:][asked])
    return torch.cat(outputs), torch.cat(targets)


def _derivatives(network: RecurrentNetwork, outputs: Tensor, targets: Tensor, sharpness: float) -> tuple[float, float]:
    """Return slope and curvature of the mean surprise in the sharpness b: E[z] - z_target, and the variance of z."""
    slope = curvature = 0.0
    few = max(_LOGITS_PER_BLOCK // network.config.catalogue_size, 1)
    for part, asked in zip(torch.split(outputs, few), torch.split(targets, few), strict=True):
        logits = network.logits(part)
        probabilities = (logits * sharpness).softmax(1)
        mean = (probabilities * logits).sum(1, keepdim=True)
        slope += float((mean - logits.gather(1, asked.unsqueeze(1))).sum())
        curvature += float((probabilities * (logits - mean).square_()).sum())
    return slope / len(targets), curvature / len(targets)
