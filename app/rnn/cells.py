"""The recurrent cells: one step from a hidden state to the next.

A cell is handed what the input contributes to its gates, already multiplied by W, so that training can do that product
for a whole playlist at once and serving for many at once. It knows nothing of tracks, layers or padding.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Cell(nn.Module, ABC):
    """One step of a recurrent layer. `parts` vectors of `hidden_size` make its state; the first is its output h."""

    gates: int
    parts: int

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.recurrent = nn.Parameter(torch.empty(self.gates * hidden_size, hidden_size))
        for gate in self.recurrent.data.view(self.gates, hidden_size, hidden_size):
            nn.init.orthogonal_(gate)

    @property
    def state_size(self) -> int:
        """Floats of state per listener."""
        return self.parts * self.hidden_size

    @abstractmethod
    def step(self, gates_x: Tensor, state: Tensor) -> Tensor:
        """Advance state (B, parts*H) by gates_x = W x_t (B, gates*H); return the new state (B, parts*H)."""

    def fill(self, states: Tensor, gates_x: Tensor, sizes: Sequence[int]) -> None:
        """Step from the first sizes[0] of all states (sizes[0] + N, parts*H), filling in the others, to the bit.

        Step t advances the first sizes[t] of those before it, by that many of gates_x (N, gates*H): sizes never grow.
        """
        steps = torch.split(states, list(sizes))
        for before, after, gates in zip(steps, steps[1:], torch.split(gates_x, list(sizes[1:])), strict=False):
            after.copy_(self.step(gates, before[: len(after)]))


class ElmanCell(Cell):
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


class GRUCell(Cell):
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


class LSTMCell(Cell):
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


def new_cell(rnn_kind: str, hidden_size: int, activation: str) -> Cell:
    """Return a cell of the kind `elman`, `gru` or `lstm`; the activation matters to `elman` only."""
    if rnn_kind == "elman":
        return ElmanCell(hidden_size, activation)
    return GRUCell(hidden_size) if rnn_kind == "gru" else LSTMCell(hidden_size)
