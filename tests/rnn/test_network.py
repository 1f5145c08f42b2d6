"""The network's laws: one pass is step by step, a batch is its singles, padding is nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import IncompatibleCheckpoint, InvalidRequest
from app.rnn.cells import RNN_KINDS
from app.rnn.network import PADDING, NetworkConfig, RecurrentNetwork
from app.rnn.ragged import Ragged

V = 23

CONFIGS = {
    "elman": NetworkConfig("elman", V, hidden_size=8),
    "elman-relu": NetworkConfig("elman", V, hidden_size=8, activation="relu"),
    "gru": NetworkConfig("gru", V, hidden_size=8),
    "lstm": NetworkConfig("lstm", V, hidden_size=8),
    "mingru": NetworkConfig("mingru", V, hidden_size=8),
    "lru": NetworkConfig("lru", V, hidden_size=8, embedding_size=6, num_layers=2),
    "embedded": NetworkConfig("gru", V, hidden_size=8, embedding_size=6),
    "two layers": NetworkConfig("lstm", V, hidden_size=8, num_layers=2, layer_norm=True, dropout=0.3),
    "tied": NetworkConfig("elman", V, hidden_size=8, embedding_size=8, tied=True),
    "cosine with skip": NetworkConfig(
        "gru", V, hidden_size=8, embedding_size=6, tied=True, output_size=6, skip_input=True, normalised=True
    ),
    "residual": NetworkConfig(
        "gru",
        V,
        hidden_size=8,
        embedding_size=8,
        tied=True,
        skip_input=True,
        residual=0.5,
        normalised_input=True,
        input_dropout=0.1,
    ),
    "three layers with skip": NetworkConfig(
        "elman", V, hidden_size=8, num_layers=3, embedding_size=6, skip_input=True, output_bias=False
    ),
}


@pytest.fixture(params=CONFIGS, ids=str)
def network(request: pytest.FixtureRequest) -> RecurrentNetwork:
    torch.manual_seed(5)
    return RecurrentNetwork(CONFIGS[request.param]).eval()


def test_one_pass_equals_step_by_step(network: RecurrentNetwork) -> None:
    tracks = torch.randint(V, (4, 12))
    outputs, hidden = network(tracks)
    state = None
    for t in range(12):
        step, state = network(tracks[:, t : t + 1], state)
        torch.testing.assert_close(step[:, 0], outputs[:, t], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(state, hidden, rtol=1e-5, atol=1e-5)


def test_a_batch_equals_its_singles(network: RecurrentNetwork) -> None:
    tracks = torch.randint(V, (6, 9))
    outputs, hidden = network(tracks)
    for b in range(6):
        single, state = network(tracks[b : b + 1])
        torch.testing.assert_close(single[0], outputs[b], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(state[0], hidden[b], rtol=1e-5, atol=1e-5)


def test_ragged_playlists_are_read_as_padded_ones(network: RecurrentNetwork) -> None:
    """Outputs after the last track, and states, on top of states that have read something before or nothing."""
    lengths = [3, 0, 12, 1, 5, 5, 0, 7, 2, 4, 1]
    tracks = torch.randint(V, (len(lengths), 12))
    tracks[torch.arange(12) >= torch.tensor(lengths)[:, None]] = PADDING
    hidden = torch.cat((network(tracks[:6].clamp(min=0))[1], network.start(5)))
    outputs, after = network(tracks, hidden)
    playlists = [tuple(own[:length]) for own, length in zip(tracks.tolist(), lengths, strict=True)]
    ragged, state = network.read_ragged(Ragged.of(playlists, 8), hidden)
    torch.testing.assert_close(ragged, outputs[:, -1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(state, after, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rnn_kind", RNN_KINDS)
def test_ragged_playlists_end_with_the_bits_that_training_sees(rnn_kind: str) -> None:
    torch.manual_seed(6)
    config = NetworkConfig(rnn_kind, V, hidden_size=100, embedding_size=64, num_layers=2, skip_input=True)
    network = RecurrentNetwork(config).eval()
    tracks = torch.randint(V, (8, 30))
    outputs, hidden = network(tracks)
    ragged, state = network.read_ragged(Ragged.of([tuple(own) for own in tracks.tolist()], 8), network.start(8))
    assert torch.equal(state, hidden)
    assert torch.equal(ragged, outputs[:, -1])


NETWORKS = {name: RecurrentNetwork(config).eval() for name, config in CONFIGS.items()}


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_padding_anywhere_changes_nothing(data: st.DataObject) -> None:
    network = NETWORKS[data.draw(st.sampled_from(list(NETWORKS)))]
    playlist = data.draw(st.lists(st.integers(0, V - 1), min_size=1, max_size=6))
    padded = list(playlist)
    for _ in range(data.draw(st.integers(1, 4))):
        padded.insert(data.draw(st.integers(0, len(padded))), PADDING)
    outputs, hidden = network(torch.tensor([playlist]))
    padded_outputs, padded_hidden = network(torch.tensor([padded]))
    present = torch.tensor(padded) != PADDING
    torch.testing.assert_close(padded_hidden, hidden, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(padded_outputs[:, present], outputs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(padded_outputs[:, -1], outputs[:, -1], rtol=1e-5, atol=1e-5)


def test_a_step_of_padding_shows_the_output_of_the_stored_state(network: RecurrentNetwork) -> None:
    """Whoever asks again without a new track gets the answer of before."""
    outputs, hidden = network(torch.tensor([[1, 2, 3]]))
    again, same = network(torch.tensor([[PADDING]]), hidden)
    torch.testing.assert_close(same, hidden)
    torch.testing.assert_close(again[:, 0], outputs[:, -1])


def test_the_state_size_is_what_comes_back(network: RecurrentNetwork) -> None:
    _, hidden = network(torch.tensor([[0], [1]]))
    assert hidden.shape == (2, network.state_size)


@pytest.mark.parametrize(
    ("name", "floats"),
    [("elman", 8), ("gru", 8), ("lstm", 16), ("two layers", 32), ("cosine with skip", 8 + 6)],
)
def test_the_state_holds_all_layers_and_parts(name: str, floats: int) -> None:
    assert RecurrentNetwork(CONFIGS[name]).state_size == floats


def test_elman_is_the_formula_of_the_design() -> None:
    """h_t = tanh(W x_t + U h_(t-1)); logits = V^T h_t + b, with W's row looked up for a one-hot x_t."""
    torch.manual_seed(6)
    network = RecurrentNetwork(CONFIGS["elman"])
    assert network.output_table is not None
    assert network.output_bias is not None
    torch.nn.init.normal_(network.output_bias)
    W, b = network.input_table.detach().numpy(), network.output_bias.detach().numpy()
    table = network.output_table.detach().numpy()
    U = network.state_dict()["layers.0.cell.recurrent"].numpy()
    h = np.zeros(8, np.float32)
    for track in (3, 1, 4, 1):
        one_hot = np.eye(V, dtype=np.float32)[track]
        h = np.tanh(W.T @ one_hot + U @ h)
    outputs, hidden = network(torch.tensor([[3, 1, 4, 1]]))
    np.testing.assert_allclose(hidden[0].detach().numpy(), h, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.logits(outputs)[0, -1].detach().numpy(), table @ h + b, rtol=1e-4, atol=1e-5)


def test_a_cosine_softmax_has_bounded_logits() -> None:
    torch.manual_seed(7)
    network = RecurrentNetwork(CONFIGS["cosine with skip"])
    outputs, _ = network(torch.randint(V, (5, 5)))
    logits = network.logits(outputs).detach()  # the bias starts at zero
    assert float(logits.abs().max()) <= CONFIGS["cosine with skip"].scale * (1.0 + 1e-5)


def test_tied_tables_are_one() -> None:
    network = RecurrentNetwork(CONFIGS["tied"])
    assert network.output_table is None
    assert torch.equal(network.ranking_table(), network.input_table)
    assert "output_table" not in network.state_dict()


def test_dropout_only_while_training() -> None:
    torch.manual_seed(8)
    network = RecurrentNetwork(replace(CONFIGS["gru"], dropout=0.5))
    tracks = torch.randint(V, (2, 4))
    network.train()
    assert not torch.equal(network(tracks)[0], network(tracks)[0])
    network.eval()
    assert torch.equal(network(tracks)[0], network(tracks)[0])


@pytest.mark.parametrize("name", CONFIGS)
def test_every_weight_learns(name: str) -> None:
    network = RecurrentNetwork(CONFIGS[name])
    outputs, _ = network(torch.arange(V).view(1, V).repeat(2, 1))
    logits = network.logits(outputs)
    torch.nn.functional.cross_entropy(logits.view(-1, V), torch.arange(2 * V) % V).backward()  # type: ignore[no-untyped-call]
    for label, weight in network.named_parameters():
        assert weight.grad is not None, label
        assert bool(weight.grad.any()), label


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_survives_json(name: str) -> None:
    assert NetworkConfig.from_dict(json.loads(json.dumps(CONFIGS[name].to_dict()))) == CONFIGS[name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rnn_kind": "transformer"}, "rnn_kind elman, gru, lstm, mingru, lru"),
        ({"rnn_kind": "lru", "hidden_size": 7}, "an even hidden_size for lru"),
        ({"activation": "gelu"}, "activation tanh or relu"),
        ({"hidden_size": 0}, "hidden_size of at least 1"),
        ({"dropout": 1.0}, r"dropout in \[0, 1\)"),
        ({"scale": 0.0}, "scale above 0"),
        ({"tied": True}, "embedding_size equal to the output's 8"),
        ({"skip_input": True}, "embedding_size above 0"),
        ({"normalised_input": True}, "embedding_size above 0"),
        ({"residual": 0.5}, "skip_input with residual"),
        ({"residual": 0.5, "skip_input": True, "embedding_size": 5}, "embedding_size equal to the output's 8"),
    ],
)
def test_a_config_that_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        NetworkConfig.from_dict({**CONFIGS["gru"].to_dict(), **change})


def test_a_config_of_a_later_version_is_refused() -> None:
    with pytest.raises(IncompatibleCheckpoint, match="memory_slots"):
        NetworkConfig.from_dict({**CONFIGS["gru"].to_dict(), "memory_slots": 3})


def test_a_temperature_divides_every_logit_and_leaves_the_state_alone() -> None:
    torch.manual_seed(2)
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=8, embedding_size=6)).eval()
    assert network.output_bias is not None
    torch.nn.init.normal_(network.output_bias)
    tracks = torch.tensor([[1, 4, 2]])
    outputs, hidden = network(tracks)
    cooler, same = network.tempered(2.5)(tracks)
    torch.testing.assert_close(network.tempered(2.5).logits(cooler), network.logits(outputs) / 2.5)
    assert torch.equal(same, hidden)
    assert network.tempered(2.5).input_table is network.input_table


def test_a_config_of_before_there_were_temperatures_is_read() -> None:
    settings = {name: value for name, value in NetworkConfig("gru", V).to_dict().items() if name != "temperature"}
    assert NetworkConfig.from_dict(settings).temperature == 1.0
