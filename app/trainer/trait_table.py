"""A table of tracks whose rows are what a track is by itself plus what its artist, genre, tags and decade add.

Each time a track is heard, what it shares with others moves as well, so a rarely heard track borrows from those of its
artist (Vasile, Smirnova & Conneau, "Meta-Prod2Vec", RecSys 2016, brings side information in beside the items'
vectors; here it is summed into them). The sum stands in the network's own table: who ranks with it, and what is
published, need not know of traits. Knows nothing of losses or batches.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from app.domain.catalogue import Catalogue
from app.rnn.newcomers import trait_effects
from app.rnn.traits import Traits
from app.trainer.optimizer import TableAdagrad


def shared_traits(catalogue: Catalogue) -> sparse.csr_array | None:
    """Return which tracks have which traits, (V, F), without those of one track only; None where nothing is left."""
    having = Traits(catalogue).matrix(catalogue)
    shared = np.flatnonzero(np.bincount(having.indices, minlength=having.shape[1]) > 1)
    return having[:, shared].tocsr() if len(shared) else None


class TraitTable:
    """Adagrad on the parts of the rows of a table (V, K): row = own + mean + the sum of the row's traits.

    It takes the place of a TableAdagrad. The parts begin as the ridge regression of the heard tracks' rows on their
    traits (`newcomers.py`) and what that leaves over, so that together they begin as the table does. A track that was
    not `heard` (V,) has nothing of its own and begins as its traits are. The traits stay on the processor, whose
    sparse products add them up in one order; a step brings the sums to the table's device and the gradient back.
    """

    def __init__(
        self, table: nn.Parameter, traits: sparse.csr_array, heard: NDArray[np.bool_], by_row: bool, inertia: float
    ) -> None:
        self._table = table.data
        self._traits_of = traits
        mean, effects = trait_effects(traits[heard], self._table.cpu().numpy()[heard])
        self._mean = torch.from_numpy(mean)
        self._traits = nn.Parameter(torch.from_numpy(effects))
        own = (self._table.cpu() - self._shared(traits)) * torch.from_numpy(heard).unsqueeze(1)
        self._own = nn.Parameter(own.to(self._table.device))
        self._trait_steps = TableAdagrad(self._traits, by_row, inertia)
        self._own_steps = TableAdagrad(self._own, by_row, inertia)

    def gather(self, rows: Tensor | None) -> Tensor:
        """Return the rows (C, ...), or the whole table, as a leaf that collects its own gradient."""
        own = self._own.detach() if rows is None else self._own.detach()[rows]
        return (own + self._shared(self._traits_at(rows)).to(own.device)).requires_grad_()

    def step(self, gathered: Tensor, rows: Tensor | None, rate: float) -> None:
        """Move the parts of the gathered rows against their gradient; `rows` are distinct.

        The table is not brought up to date: `settle` does that.
        """
        if gathered.grad is None:
            return
        own = self._own_steps.gather(rows)
        own.grad = gathered.grad
        self._own_steps.step(own, rows, rate)
        traits_of = self._traits_at(rows)
        met = np.unique(traits_of.indices)
        if not len(met):
            return
        columns = torch.from_numpy(met.astype(np.int64))
        traits = self._trait_steps.gather(columns)
        traits.grad = torch.from_numpy((traits_of.T @ gathered.grad.cpu().numpy())[met])
        self._trait_steps.step(traits, columns, rate)

    @torch.no_grad()
    def settle(self) -> None:
        """Write the sums into the table: also tracks that were not heard have moved with their traits."""
        self._table.copy_(self._own + self._shared(self._traits_of).to(self._own.device))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything that learning has changed beside the table, by name; the tensors are those in use."""
        return {
            "own": self._own.data,
            "traits": self._traits.data,
            "squares": self._own_steps.squares,
            "trait_squares": self._trait_steps.squares,
        }

    def _traits_at(self, rows: Tensor | None) -> sparse.csr_array:
        return self._traits_of if rows is None else self._traits_of[rows.cpu().numpy()]

    def _shared(self, traits_of: sparse.csr_array) -> Tensor:
        """Return what rows of these traits (N, F) have beside their own, (N, K)."""
        return self._mean + torch.from_numpy(traits_of @ self._traits.detach().numpy())
