"""The mixer: a small learned network that weighs what is known of each candidate, in the listener's situation.

It turns the network's distribution over the catalogue into another: candidates get its logits, all other tracks keep
the network's. Knows nothing of sessions, memories or rankings.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.rnn.candidates import FEATURES, SITUATION

_LEAST = 1e-9  # the share of tracks outside the candidates where rounding leaves none

_LEAST_DEVIATION = 0.01  # of what is the same in all examples


class Mixer(nn.Module):
    """logit = w · features + MLP(features, situation); it starts as the network's own log probability.

    `hidden_size` 0 leaves out the MLP. Features and situations are brought to mean 0 and deviation 1 before the MLP.
    """

    feature_mean: Tensor
    feature_deviation: Tensor
    situation_mean: Tensor
    situation_deviation: Tensor

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        F, S = len(FEATURES), SITUATION
        self.hidden_size = hidden_size
        self.weights = nn.Parameter(torch.zeros(F))
        self.weights.data[0] = 1.0
        self.others = nn.Linear(S, 1)
        nn.init.zeros_(self.others.weight)
        nn.init.zeros_(self.others.bias)
        for name, size in (("feature", F), ("situation", S)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_deviation", torch.ones(size))
        if hidden_size:
            self.from_features = nn.Linear(F, hidden_size)
            self.from_situation = nn.Linear(S, hidden_size, bias=False)
            self.inner = nn.Linear(hidden_size, hidden_size)
            self.out = nn.Linear(hidden_size, 1, bias=False)
            nn.init.zeros_(self.out.weight)

    def forward(self, features: Tensor, situations: Tensor, present: Tensor) -> Tensor:
        """Return logits (B, K) to stand beside the network's log probabilities of all other tracks.

        features (B, K, F), situations (B, S), present (B, K); where no candidate is present the logit is -inf.
        """
        situations = (situations - self.situation_mean) / self.situation_deviation
        logits = features @ self.weights
        if self.hidden_size:
            looked_at = (features - self.feature_mean) / self.feature_deviation
            inner = functional.relu(self.from_features(looked_at) + self.from_situation(situations).unsqueeze(1))
            logits = logits + self.out(functional.relu(self.inner(inner))).squeeze(2)
        # What speaks for the tracks outside speaks against each candidate.
        beside: Tensor = logits - self.others(situations)
        return beside.masked_fill(~present, float("-inf"))

    def standardise(self, features: Tensor, situations: Tensor) -> None:
        """Take mean and deviation from examples: features (n, F) of candidates, situations (m, S)."""
        self.feature_mean.copy_(features.mean(0))
        self.feature_deviation.copy_(features.std(0, unbiased=False) + _LEAST_DEVIATION)
        self.situation_mean.copy_(situations.mean(0))
        self.situation_deviation.copy_(situations.std(0, unbiased=False) + _LEAST_DEVIATION)


def log_total(logits: Tensor, log_probabilities: Tensor, present: Tensor) -> Tensor:
    """Return (B,): the log of the sum over the catalogue of exp(logit), given the mixer's logits of the candidates.

    log_probabilities (B, K) are the network's of the candidates; the tracks outside hold what these leave of 1.
    """
    inside = (log_probabilities.double().exp() * present).sum(1)
    outside = (1.0 - inside).clamp(min=_LEAST).log().to(logits.dtype)
    return torch.logaddexp(torch.logsumexp(logits, 1), outside)


def surprise(logits: Tensor, log_probabilities: Tensor, present: Tensor, targets: Tensor) -> Tensor:
    """Return -log probability (B,) of targets, as columns of the candidates; -1 is a track outside them.

    For a track outside, the network's own log probability is left out: no mixer changes it.
    """
    own = torch.where(targets >= 0, logits.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1), 0.0)
    return log_total(logits, log_probabilities, present) - own
