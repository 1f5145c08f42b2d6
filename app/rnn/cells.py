"""The recurrent cells: Elman, GRU and LSTM here, those without U in `linear_cells.py`; `new_cell` makes any of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from app.rnn.cell import Cell
from app.rnn.linear_cells import LRUCell, MinGRUCell


class GatedByState(Cell):
    """A cell whose gates also depend on the hidden state, through U (gates*H, H)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__(hidden_size)
        self.recurrent = nn.Parameter(torch.empty(self.gates * hidden_size, hidden_size))
        for gate in self.recurrent.data.view(self.gates, hidden_size, hidden_size):
            nn.init.orthogonal_(gate)


class ElmanCell(GatedByState):
    """h_t = F(W x_t + U h_(t-1)), F being tanh or relu (Elman, Cognitive Science 1990, with one-hot x_t)."""

    gates = 1
    parts = 1

    def __init__(self, hidden_size: int, activation: str = "tanh") -> None:
        super().__init__(hidden_size)
        self.activation = torch.tanh if activation == "tanh" else torch.relu
        if activation == "relu":
            # Le, Jaitly & Hinton 2015 (IRNN): with relu, starting from the identity keeps gradients from exploding.
            nn.init.eye_(self.recurrent)

    def step(self, gates_x: Tensor, state: Tensor) -> Tensor:
        """Advance h (B, H)."""
        return self.activation(torch.addmm(gates_x, state, self.recurrent.t()))


class GRUCell(GatedByState):
    """The gated recurrent unit of GRU4Rec (Cho et al., EMNLP 2014; Hidasi et al., ICLR 2016).

    The reset gate acts on U h rather than on h: one product instead of two, as in cuDNN and torch.nn.GRU.
    """

    gates = 3
    parts = 1

    def __init__(self, hidden_size: int) -> None:
        super().__init__(hidden_size)
        self.candidate_bias = nn.Parameter(torch.zeros(hidden_size))

    def step(self, gates_x: Tensor, state: Tensor) -> Tensor:
        """Advance h (B, H); the gates lie in the order reset, update, candidate."""
        H = self.hidden_size
        gates_h = state @ self.recurrent.t()
        reset, update = torch.sigmoid(gates_x[:, : 2 * H] + gates_h[:, : 2 * H]).chunk(2, 1)
        candidate = torch.tanh(gates_x[:, 2 * H :] + reset * (gates_h[:, 2 * H :] + self.candidate_bias))
        return torch.lerp(candidate, state, update)

    def fill(self, states: Tensor, gates_x: Tensor, sizes: Sequence[int]) -> None:
        """Do what `step` does in memory that is used again: at such sizes an operation costs more than its sums."""
        H, recurrent = self.hidden_size, self.recurrent.t()
        steps = torch.split(states, list(sizes))
        gates_of = torch.split(gates_x[:, : 2 * H], list(sizes[1:])), torch.split(gates_x[:, 2 * H :], list(sizes[1:]))
        size = -1
        for before, after, opening, proposed in zip(steps, steps[1:], *gates_of, strict=False):
            if len(after) != size:
                size = len(after)
                before = before[:size]
                gates_h, opened, candidate = (states.new_empty(size, gates * H) for gates in (3, 2, 1))
                opening_h, candidate_h = gates_h[:, : 2 * H], gates_h[:, 2 * H :]
                reset, update = opened.chunk(2, 1)
            torch.mm(before, recurrent, out=gates_h)
            torch.add(opening, opening_h, out=opened).sigmoid_()
            torch.add(candidate_h, self.candidate_bias, out=candidate).mul_(reset).add_(proposed).tanh_()
            torch.lerp(candidate, before, update, out=after)


class LSTMCell(GatedByState):
    """Long short-term memory with forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000). State: h, then c."""

    gates = 4
    parts = 2

    def step(self, gates_x: Tensor, state: Tensor) -> Tensor:
        """Advance h and c (B, 2H); the gates lie in the order input, forget, candidate, output."""
        h, c = state.chunk(2, 1)
        enter, forget, candidate, leave = torch.addmm(gates_x, h, self.recurrent.t()).chunk(4, 1)
        # The forget gate starts open (Jozefowicz et al., ICML 2015): a bias of 1, fixed here so that W needs none.
        c = torch.sigmoid(forget + 1.0) * c + torch.sigmoid(enter) * torch.tanh(candidate)
        return torch.cat((torch.sigmoid(leave) * torch.tanh(c), c), 1)


_KINDS: dict[str, type[Cell]] = {
    "elman": ElmanCell,
    "gru": GRUCell,
    "lstm": LSTMCell,
    "mingru": MinGRUCell,
    "lru": LRUCell,
}
RNN_KINDS = tuple(_KINDS)
"""What a cell may be."""


def new_cell(rnn_kind: str, hidden_size: int, activation: str) -> Cell:
    """Return a cell of one of `RNN_KINDS`; the activation matters to `elman` only."""
    return ElmanCell(hidden_size, activation) if rnn_kind == "elman" else _KINDS[rnn_kind](hidden_size)
