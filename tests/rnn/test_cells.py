"""The cells against their formulas and against PyTorch's own."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.rnn.cell import Cell
from app.rnn.cells import ElmanCell, GRUCell, LSTMCell, new_cell
from app.rnn.linear_cells import LRUCell, MinGRUCell

B, T, H = 3, 7, 5


def run(cell: Cell, inputs: Tensor, gates_of: nn.Module) -> tuple[Tensor, Tensor]:
    """Step through inputs (B, T, ·); return h of every step and the last state."""
    state = torch.zeros(inputs.shape[0], cell.state_size)
    outputs = []
    for t in range(inputs.shape[1]):
        state = cell.step(gates_of(inputs[:, t]), state)
        outputs.append(state[:, :H])
    return torch.stack(outputs, 1), state


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_elman_is_the_formula(activation: str) -> None:
    """h_t = F(W x_t + U h_(t-1)), worked in numpy."""
    torch.manual_seed(1)
    cell = ElmanCell(H, activation)
    nn.init.normal_(cell.recurrent)
    gates_x = torch.randn(T, H)
    U = cell.recurrent.detach().numpy()
    h = np.zeros(H, np.float32)
    state = torch.zeros(1, H)
    for t in range(T):
        drive = gates_x[t].numpy() + U @ h
        h = np.tanh(drive) if activation == "tanh" else np.maximum(drive, 0)
        state = cell.step(gates_x[t : t + 1], state)
        np.testing.assert_allclose(state[0].detach().numpy(), h, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_elman_equals_torch_rnn(activation: str) -> None:
    torch.manual_seed(2)
    reference = nn.RNN(4, H, nonlinearity=activation, batch_first=True)
    weights = dict(reference.named_parameters())
    cell = ElmanCell(H, activation)
    gates_of = nn.Linear(4, H)
    with torch.no_grad():
        gates_of.weight.copy_(weights["weight_ih_l0"])
        gates_of.bias.copy_(weights["bias_ih_l0"] + weights["bias_hh_l0"])
        cell.recurrent.copy_(weights["weight_hh_l0"])
        inputs = torch.randn(B, T, 4)
        expected, _ = reference(inputs)
        outputs, _ = run(cell, inputs, gates_of)
    torch.testing.assert_close(outputs, expected)


def test_gru_equals_torch_gru() -> None:
    torch.manual_seed(3)
    reference = nn.GRU(4, H, batch_first=True)
    weights = dict(reference.named_parameters())
    cell = GRUCell(H)
    gates_of = nn.Linear(4, 3 * H)
    with torch.no_grad():
        gates_of.weight.copy_(weights["weight_ih_l0"])
        gates_of.bias.copy_(weights["bias_ih_l0"])
        gates_of.bias[: 2 * H] += weights["bias_hh_l0"][: 2 * H]
        cell.recurrent.copy_(weights["weight_hh_l0"])
        cell.candidate_bias.copy_(weights["bias_hh_l0"][2 * H :])
        inputs = torch.randn(B, T, 4)
        expected, _ = reference(inputs)
        outputs, _ = run(cell, inputs, gates_of)
    torch.testing.assert_close(outputs, expected)


def test_lstm_equals_torch_lstm_with_an_open_forget_gate() -> None:
    """The cell adds 1 to the forget gate by itself; PyTorch's has to be told."""
    torch.manual_seed(4)
    reference = nn.LSTM(4, H, batch_first=True)
    weights = dict(reference.named_parameters())
    cell = LSTMCell(H)
    gates_of = nn.Linear(4, 4 * H)
    with torch.no_grad():
        gates_of.weight.copy_(weights["weight_ih_l0"])
        gates_of.bias.copy_(weights["bias_ih_l0"] + weights["bias_hh_l0"])
        weights["bias_hh_l0"][H : 2 * H] += 1.0
        cell.recurrent.copy_(weights["weight_hh_l0"])
        inputs = torch.randn(B, T, 4)
        expected, (h, c) = reference(inputs)
        outputs, state = run(cell, inputs, gates_of)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(state, torch.cat((h[0], c[0]), 1))


@pytest.mark.parametrize(("rnn_kind", "floats"), [("elman", H), ("gru", H), ("lstm", 2 * H), ("mingru", H)])
def test_the_kind_decides_the_state(rnn_kind: str, floats: int) -> None:
    assert new_cell(rnn_kind, H, "tanh").state_size == floats


def test_relu_starts_from_the_identity() -> None:
    """With relu an untrained cell adds up what it reads: IRNN's start."""
    cell = ElmanCell(H, "relu")
    torch.testing.assert_close(cell.step(torch.ones(1, H), torch.full((1, H), 2.0)), torch.full((1, H), 3.0))


def test_mingru_is_the_formula() -> None:
    """h_t = (1 - z) h_(t-1) + z c with z the sigmoid of what the input says, worked in numpy."""
    torch.manual_seed(5)
    cell, gates_x, state, h = MinGRUCell(H), torch.randn(T, 2 * H), torch.zeros(1, H), np.zeros(H)
    for t in range(T):
        update = 1 / (1 + np.exp(-gates_x[t, :H].numpy().astype(np.float64)))
        h = (1 - update) * h + update * gates_x[t, H:].numpy()
        state = cell.step(gates_x[t : t + 1], state)
        np.testing.assert_allclose(state[0].numpy(), h, rtol=1e-4, atol=1e-5)


def test_lru_is_the_formula_over_complex_numbers() -> None:
    torch.manual_seed(6)
    cell, gates_x, state, h = LRUCell(8), torch.randn(T, 8), torch.zeros(1, 8), np.zeros(4, np.complex128)
    nu, theta = (weight.detach().numpy().astype(np.float64) for weight in (cell.nu, cell.theta))
    kept = np.exp(-np.exp(nu) + 1j * np.exp(theta))
    for t in range(T):
        x = gates_x[t].numpy()
        h = kept * h + np.sqrt(1 - np.abs(kept) ** 2) * (x[:4] + 1j * x[4:])
        state = cell.step(gates_x[t : t + 1], state)
        np.testing.assert_allclose(state[0].detach().numpy(), np.concatenate((h.real, h.imag)), rtol=1e-4, atol=1e-5)


def test_an_lru_forgets_whatever_it_has_learned() -> None:
    """The factor is shorter than 1 for all weights, so that a state of bounded inputs stays bounded."""
    cell = LRUCell(8)
    with torch.no_grad():
        cell.nu.copy_(torch.tensor([-9.0, -1.0, 0.5, 3.0]))
        state = torch.full((1, 8), 100.0)
        for _ in range(20_000):
            state = cell.step(torch.zeros(1, 8), state)
    assert float(state.abs().max()) < 100
