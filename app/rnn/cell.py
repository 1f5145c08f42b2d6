"""What every recurrent cell is: one step from a hidden state to the next.

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
