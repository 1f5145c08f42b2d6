"""Cells whose step is linear in the hidden state: no product with U, so a step costs a few operations per number.

What the input says of its gates comes in as for every cell. Knows nothing of tracks, layers or padding.
"""

import math

import torch
from torch import Tensor, nn

from app.rnn.cell import Cell


class MinGRUCell(Cell):
    """h_t = (1 - z_t) h_(t-1) + z_t c_t, gate z and candidate c from the input alone (minGRU: Feng et al., 2024)."""

    gates = 2
    parts = 1

    def step(self, gates_x: Tensor, state: Tensor) -> Tensor:
        """Advance h (B, H); the gates lie in the order update, candidate."""
        update, candidate = gates_x.chunk(2, 1)
        return torch.lerp(state, candidate, torch.sigmoid(update))


class LRUCell(Cell):
    """The linear recurrent unit, over complex numbers (Orvieto et al., ICML 2023).

    h_t = l h_(t-1) + sqrt(1 - |l|^2) W x_t, which keeps the variance of what comes in independently at every step.
    l = exp(-exp(nu) + i exp(theta)) is learned for each number and never longer than 1. h holds H/2 real parts, then
    as many imaginary ones.
    """

    gates = 1
    parts = 1

    def __init__(self, hidden_size: int) -> None:
        super().__init__(hidden_size)
        # Even on the disc up to a radius of .99, and turning slowly, as the paper begins where much is to be kept.
        radius = torch.sqrt(torch.rand(hidden_size // 2) * 0.99**2).clamp(min=1e-3)
        self.nu = nn.Parameter(torch.log(-torch.log(radius)))
        self.theta = nn.Parameter(torch.log(torch.rand(hidden_size // 2).clamp(min=1e-3) * (math.pi / 10)))

    def step(self, gates_x: Tensor, state: Tensor) -> Tensor:
        """Advance h (B, H)."""
        radius, angle = torch.exp(-torch.exp(self.nu)), torch.exp(self.theta)
        kept, turned = radius * torch.cos(angle), radius * torch.sin(angle)
        share = torch.sqrt(1 - radius * radius).repeat(2)
        real, imaginary = state.chunk(2, 1)
        moved = torch.cat((kept * real - turned * imaginary, turned * real + kept * imaginary), 1)
        return moved + share * gates_x
