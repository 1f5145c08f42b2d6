"""A small checkpoint for the services that are ill-treated."""

import torch

from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.rnn.network import NetworkConfig, RecurrentNetwork
from tests.serving.conftest import V, small_catalogue


def one_hot_draft(seed: int) -> CheckpointDraft:
    """A network that reads one-hot tracks, as the formulas have it, over the tracks t0 to t59."""
    torch.manual_seed(seed)
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=16)).eval()
    return CheckpointDraft(
        network=network,
        catalogue=small_catalogue(),
        training={},
        data={},
        metrics={},
        baselines={},
        verdict=Verdict(True, "for tests"),
        probe=(1, 2, 3),
    )
