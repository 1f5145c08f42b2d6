"""New tracks begin where their like are, and nothing changes for the others."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from app.domain.catalogue import Catalogue, Track
from app.rnn.evidence import heard_rows
from app.rnn.memory import Memory
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.newcomers import remembering_newcomers, trait_effects, with_newcomers
from app.rnn.ranking import Ranker
from tests.rnn.memories import drawn_sessions, flat, new_mixture

ARTISTS, OF_EACH = 10, 20
CATALOGUE = Catalogue([Track(f"t{row}", f"Song {row}", f"Artist {row % ARTISTS}") for row in range(ARTISTS * OF_EACH)])
V = len(CATALOGUE)
SHAPES: list[dict[str, Any]] = [
    {"rnn_kind": "elman", "hidden_size": 12},
    {"rnn_kind": "gru", "hidden_size": 12, "embedding_size": 8, "output_size": 6, "output_bias": False},
    {"rnn_kind": "gru", "hidden_size": 12, "embedding_size": 12, "tied": True},
    {
        "rnn_kind": "gru",
        "hidden_size": 12,
        "embedding_size": 12,
        "normalised": True,
        "normalised_input": True,
        "output_bias": False,
        "temperature": 1.5,
    },
]
NEW = [Track("new1", "New Song", "artist 3"), Track("new2", "Another", "Somebody Else")]


def clustered(spread: float = 0.1, **config: Any) -> RecurrentNetwork:
    """A network whose tracks of one artist are near each other, as training leaves them."""
    torch.manual_seed(1)
    network = RecurrentNetwork(NetworkConfig(catalogue_size=V, **config)).eval()
    with torch.no_grad():
        centres = torch.randn(ARTISTS, 64)
        for table in (network.input_table, network.output_table):
            if table is not None:
                centres = centres[:, : table.shape[1]]
                table.copy_(centres[torch.arange(V) % ARTISTS] + spread * torch.randn_like(table))
    return network


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_what_the_network_says_of_the_others_stays(shape: dict[str, Any]) -> None:
    network = clustered(**shape)
    grown = with_newcomers(network, CATALOGUE, NEW)
    playlist = torch.tensor([[3, 14, 159]])
    (before, hidden), (after, grown_hidden) = network(playlist), grown(playlist)
    assert torch.equal(hidden, grown_hidden)
    assert torch.allclose(network.logits(before), grown.logits(after)[..., :V], atol=1e-5)
    assert grown.config.catalogue_size == V + 2
    assert not grown.training


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_a_new_track_is_near_the_tracks_of_its_artist(shape: dict[str, Any]) -> None:
    """As input and as output; one of an artist nobody knows is near nobody."""
    grown = with_newcomers(clustered(**shape), CATALOGUE, NEW)
    own = torch.arange(V) % ARTISTS == 3
    for table in (grown.input_table, grown.output_table):
        if table is None:
            continue
        likeness = torch.nn.functional.cosine_similarity(table[V : V + 1], table[:V])
        assert likeness[own].min() > likeness[~own].max()
        stranger = torch.nn.functional.cosine_similarity(table[V + 1 : V + 2], table[:V])
        assert stranger.max() < likeness.max()


def test_new_tracks_come_no_more_often_than_their_like() -> None:
    """The middle of an artist's tracks is nearer to who heard one of them than the others are: a handicap is due."""
    sizes = {"hidden_size": 12, "embedding_size": 12, "output_size": 12}
    shape = {"skip_input": True, "residual": 5.0, "normalised": True, "output_bias": False}
    network = clustered(0.7, rnn_kind="gru", **sizes, **shape)
    tracks = [Track(f"n{row}", f"New {row}", f"Artist {row}") for row in range(ARTISTS)]
    grown = with_newcomers(network, CATALOGUE, tracks)
    assert grown.output_bias is not None
    assert (grown.output_bias[:V] == 0).all()
    playlists = torch.randint(V, (300, 1), generator=torch.Generator().manual_seed(2))
    outputs = grown(playlists)[0][:, -1]
    shown = grown.logits(outputs).topk(20, 1).indices
    without_handicap = (outputs @ grown.ranking_table().t()).topk(20, 1).indices
    share, before = float((shown >= V).float().mean()), float((without_handicap >= V).float().mean())
    fair = ARTISTS / (V + ARTISTS)
    assert before > 1.1 * fair
    assert share == pytest.approx(fair, rel=0.1)


def test_the_same_tracks_get_the_same_rows() -> None:
    """Two workers publish the same content."""
    grown = [with_newcomers(clustered(**SHAPES[3]), CATALOGUE, NEW).state_dict() for _ in range(2)]
    assert all(torch.equal(grown[0][name], grown[1][name]) for name in grown[0])


def test_trait_effects_are_those_of_ridge_regression() -> None:
    """The closed form: (A'A + I)^-1 A'(Y - mean)."""
    generator = np.random.default_rng(1)
    known = sparse.random_array((60, 9), density=0.3, rng=generator, dtype=np.float32).tocsr()
    rows = generator.standard_normal((60, 5)).astype(np.float32)
    mean, effects = trait_effects(known, rows)
    dense = known.toarray().astype(np.float64)
    expected = np.linalg.solve(dense.T @ dense + np.eye(9), dense.T @ (rows - rows.mean(axis=0)))
    assert mean == pytest.approx(rows.mean(axis=0))
    assert effects == pytest.approx(expected, abs=5e-3)


def test_an_artist_of_one_track_is_half_believed() -> None:
    mean, effects = trait_effects(sparse.csr_array(np.eye(2, dtype=np.float32)), np.array([[2.0], [4.0]], np.float32))
    assert (mean + effects).tolist() == [[pytest.approx(2.5)], [pytest.approx(3.5)]]


def test_a_catalogue_that_tells_nothing_gives_every_new_track_the_mean() -> None:
    network = clustered(**SHAPES[0])
    nameless = Catalogue([Track(f"t{row}", f"Song {row}", "") for row in range(V)])
    grown = with_newcomers(network, nameless, [Track("new", "New", "Somebody")])
    assert torch.allclose(grown.input_table[V], network.input_table.mean(0), atol=1e-5)


def test_a_memory_has_not_met_the_new_tracks() -> None:
    """Nothing else of it changes, and it is as sound as one read from a file must be."""
    memory = Memory.of(*flat(drawn_sessions(1)), 30)
    grown = remembering_newcomers(memory, 3)
    assert Memory.from_arrays(grown.arrays()).catalogue_size == 33
    assert grown.plays[30:].tolist() == [0.0] * 3
    assert grown.holder_starts[31:].tolist() == [len(memory.holders)] * 3
    assert (grown.holder_starts[:31] == memory.holder_starts).all()


def test_a_mixture_leaves_new_tracks_to_the_network() -> None:
    """Past sessions are silent about them, which a mixer would take for a verdict."""
    network = clustered(**SHAPES[3])
    grown = with_newcomers(network, CATALOGUE, NEW)
    mixture = new_mixture(1, V)
    mixture = replace(mixture, memory=remembering_newcomers(mixture.memory, len(NEW)))
    ranker = Ranker(grown.ranking_table(), grown.ranking_bias())
    playlists = [(3, 13, 23), (5,)]
    with torch.no_grad():
        outputs = torch.cat([grown(torch.tensor([playlist]))[0][:, -1] for playlist in playlists])
    candidates, _ = mixture.examine(ranker, outputs, heard_rows(playlists))
    assert (candidates.rows < V).all()
    assert (candidates.rows >= 0).sum() > 20
    ranking = mixture.top(ranker, outputs, heard_rows(playlists), [frozenset()] * 2, [V + 2] * 2)[0]
    assert V in ranking.tracks
