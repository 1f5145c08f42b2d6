"""A small checkpoint for the services that are ill-treated."""

from app.rnn.checkpoint import CheckpointDraft
from app.rnn.network import NetworkConfig
from tests.serving.conftest import V, draft_of


def one_hot_draft(seed: int) -> CheckpointDraft:
    """A network that reads one-hot tracks, as the formulas have it, over the tracks t0 to t59."""
    return draft_of(NetworkConfig("gru", V, hidden_size=16), seed)
