"""How weights move: Adam or Adagrad for the cells, Adagrad for the rows of tracks a step touched, the rates' course.

A step on a catalogue of a million tracks moves a few thousand rows; whatever would touch the others is avoided. Knows
nothing of losses or batches.
"""

import math

import torch
from torch import Tensor, nn


class TableAdagrad:
    """Adagrad (Duchi et al., JMLR 2011) on the rows of one table (V, ...), moving only the rows that were gathered.

    `by_row` keeps one sum of squares per row in place of one per number. The sums begin at `inertia`: above 0, a row
    that is met for the first time moves in proportion to its gradient, and not by a whole step.
    """

    def __init__(self, table: nn.Parameter, by_row: bool, inertia: float = 0.0) -> None:
        self._table = table.data
        self._by_row = by_row and table.dim() > 1
        shape = (len(table), 1) if self._by_row else table.shape
        self.squares = torch.full(shape, inertia, device=table.device)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything that learning has changed beside the table, by name; the tensors are those in use."""
        return {"squares": self.squares}

    def settle(self) -> None:
        """Bring the table up to date, which it always is."""

    def gather(self, rows: Tensor | None) -> Tensor:
        """Return the rows (C, ...), or the whole table, as a leaf that collects its own gradient."""
        return (self._table.detach() if rows is None else self._table[rows]).requires_grad_()

    def step(self, gathered: Tensor, rows: Tensor | None, rate: float) -> None:
        """Move the gathered rows against their gradient; `rows` are distinct."""
        gradient = gathered.grad
        if gradient is None:
            return
        squared = gradient.square()
        squares = squared.mean(1, keepdim=True) if self._by_row else squared
        if rows is None:
            squares = self.squares.add_(squares)
            self._table.addcdiv_(gradient, squares.sqrt().add_(1e-8), value=-rate)
        else:
            squares = self.squares[rows].add_(squares)
            self.squares[rows] = squares
            self._table[rows] = torch.addcdiv(gathered.detach(), gradient, squares.sqrt().add_(1e-8), value=-rate)


def new_optimizer(name: str, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    """Return what moves the cells: `adam` (Kingma & Ba, ICLR 2015) or `adagrad`."""
    return torch.optim.Adagrad(parameters, lr=rate) if name == "adagrad" else torch.optim.Adam(parameters, lr=rate)


def course(progress: float, warm_up: float, final_rate: float) -> float:
    """Return the share of the full rate at a point of the run, both from 0 to 1.

    It rises in a straight line over the first `warm_up`, then falls along half a cosine to `final_rate`
    (Loshchilov & Hutter, ICLR 2017).
    """
    if progress < warm_up:
        return max(progress / warm_up, 1e-3)
    down = (progress - warm_up) / max(1.0 - warm_up, 1e-9)
    return final_rate + (1.0 - final_rate) * 0.5 * (1.0 + math.cos(math.pi * min(down, 1.0)))
