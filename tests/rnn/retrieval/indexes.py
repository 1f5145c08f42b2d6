"""A network over a few thousand tracks in clusters, and an index of it: large enough to search, quick to make."""

from functools import cache

import torch

from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.retrieval.building import as_playlists, build_index
from app.rnn.retrieval.index import Index
from tests.rnn.drafts import small_catalogue

V, K, CLUSTERS = 3000, 16, 32


@cache
def clustered_network(seed: int = 0, **config: object) -> RecurrentNetwork:
    """A network whose rows lie around thirty points; outputs of playlists lie among them."""
    torch.manual_seed(seed)
    settings = {"rnn_kind": "gru", "catalogue_size": V, "hidden_size": K, "embedding_size": K, "tied": True, **config}
    network = RecurrentNetwork(NetworkConfig.from_dict(settings))
    kinds = torch.randn(30, K)
    with torch.no_grad():
        table = kinds[torch.randint(30, (V,))] + 0.4 * torch.randn(V, K)
        for parameter in (network.input_table, network.output_table):
            if parameter is not None:
                parameter.copy_(table)
        if network.output_bias is not None:
            network.output_bias.copy_(torch.randn(V))
    return network.requires_grad_(False).eval()


@cache
def playlists(seed: int = 0, count: int = 200) -> list[list[int]]:
    """Playlists of one to six tracks."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (count,), generator=draw).tolist()
    return [torch.randint(V, (length,), generator=draw).tolist() for length in lengths]


@cache
def small_index() -> Index:
    """The index of the network, not yet measured."""
    return build_index(clustered_network(), as_playlists(playlists()), CLUSTERS)


def indexed_draft(**config: object) -> CheckpointDraft:
    """A draft that gets an index, small as it is."""
    return CheckpointDraft(
        network=clustered_network(**config),
        catalogue=small_catalogue(V),
        training={},
        data={},
        metrics={},
        baselines={},
        verdict=Verdict(True, "for tests"),
        probe=(0, 3, 5),
        playlists=playlists(),
        indexed_from=V,
    )
