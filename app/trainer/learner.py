"""A network that learns: one step on one batch, and everything that has to be kept to go on later.

Each step draws its own random numbers from (seed, epoch, number of the batch), so that a run that was interrupted
goes on exactly as it would have. All that a step computes with lies on the team's device, which is read from once a
step, where nothing waits for more. Knows nothing of epochs' ends, stopping or files.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from app.dataset.folder import Sessions
from app.errors import InvalidRequest, NotANumber
from app.rnn.network import PADDING, RecurrentNetwork
from app.trainer.batches import Batch, Batches
from app.trainer.cooccurrence import cooccurrence_vectors
from app.trainer.device import PROCESSOR, put
from app.trainer.losses import softmax_loss
from app.trainer.negatives import Candidates, candidates_for
from app.trainer.optimizer import TableAdagrad, course, new_optimizer
from app.trainer.pairwise_losses import PAIRWISE_LOSSES
from app.trainer.recipe import Recipe
from app.trainer.session_parallel import SessionParallel
from app.trainer.team import ALONE, Team
from app.trainer.trait_table import TraitTable

Begin = Callable[[RecurrentNetwork], None]
"""Gives a network the weights it begins with."""


def cooccurrence_start(sessions: Sessions, catalogue_size: int, recipe: Recipe) -> Begin:
    """Return what gives the tables of any number of networks the vectors of what these sessions heard together."""
    vectors = torch.from_numpy(cooccurrence_vectors(sessions, catalogue_size, recipe.embedding_size, recipe.seed))

    @torch.no_grad()
    def begin(network: RecurrentNetwork) -> None:
        network.input_table.copy_(vectors)
        if network.output_table is not None and network.output_table.shape == vectors.shape:
            network.output_table.copy_(vectors)

    return begin


class Learner:
    """A network, its optimisers and the sessions it learns from.

    What goes in and out lies on the processor: arrays, the `network`, the weights it begins with.
    """

    def __init__(
        self,
        sessions: Sessions,
        catalogue_size: int,
        recipe: Recipe,
        team: Team = ALONE,
        traits: sparse.csr_array | None = None,
        begin: Begin | None = None,
    ) -> None:
        """Take what to learn from, and with whom: everyone in a team is given the same sessions.

        `traits` (V, F) says which tracks have which traits, if those are to be learned too. `begin` gives the network
        the weights it begins with, in place of those its recipe asks for.
        """
        if team.size > 1 and recipe.session_parallel:
            raise InvalidRequest(
                f"Expected a recipe that reads whole sessions, which several processes can share, got session_parallel "
                f"{recipe.session_parallel}. Train with one process, or set it to 0."
            )
        self._team = team
        self._device = team.device
        torch.manual_seed(recipe.seed)
        self._network = RecurrentNetwork(recipe.network(catalogue_size))
        if begin is not None:
            begin(self._network)
        elif recipe.cooccurrence_start:
            cooccurrence_start(sessions, catalogue_size, recipe)(self._network)
        # Begun on the processor, a network is the same on every device.
        self._network.to(self._device)
        team.start_alike(list(self._network.state_dict().values()))
        table = self._network.output_table if recipe.pull_back else None
        self.start = None if table is None else table.detach().to(PROCESSOR, copy=True)
        """The unit-length rows (V, K) the output table begins as, if it is to be pulled back to them."""
        self.batches = (
            SessionParallel(sessions, recipe.session_parallel)
            if recipe.session_parallel
            else Batches(sessions, recipe.batch_events, recipe.window, recipe.learn_start, recipe.half_life)
        )
        # What sessions read in parallel have come to; whole sessions begin and end within a batch.
        self._hidden = self._network.start(recipe.session_parallel)
        plays = np.bincount(sessions.tracks, minlength=catalogue_size).astype(np.int64)
        self._candidates = candidates_for(plays, recipe.negatives, recipe.negatives_power, recipe.full_softmax_up_to)
        self._recipe = recipe
        parameters = dict(self._network.named_parameters())
        # A batch's gradient is a mean over its events, so the inertia of one event is that much smaller.
        inertia = recipe.table_inertia / recipe.batch_events**2
        self._tables: dict[str, TableAdagrad | TraitTable] = {}
        for name in ("input_table", "output_table", "output_bias"):
            if (table := parameters.pop(name, None)) is not None:
                self._tables[name] = (
                    TableAdagrad(table, recipe.row_adagrad, inertia)
                    if traits is None or table.dim() == 1
                    else TraitTable(table, traits, plays > 0, recipe.row_adagrad, inertia)
                )
        self._dense = parameters
        self._optimizer = new_optimizer(recipe.optimizer, list(parameters.values()), recipe.learning_rate)

    @property
    def network(self) -> RecurrentNetwork:
        """The network with all that it has learned so far, on the processor: a copy, where it learns elsewhere."""
        weights = self._weights()
        if self._device == PROCESSOR:
            return self._network
        copied = RecurrentNetwork(self._network.config)
        copied.load_state_dict(weights)
        return copied

    def _weights(self) -> dict[str, Tensor]:
        for table in self._tables.values():
            table.settle()
        return self._network.state_dict()

    def step(self, epoch: int, number: int, windows: NDArray[np.int64], progress: float) -> tuple[float, int]:
        """Learn from one batch; return its mean loss and how many targets it had.

        `progress` is the point of the run, from 0 to 1. Raises NotANumber when loss or gradient are not finite.
        """
        generator = np.random.default_rng([self._recipe.seed, epoch, number])
        torch.manual_seed(int(generator.integers(1 << 31)) + self._team.rank)  # for dropout
        batch = self.batches.batch(windows)
        asked = batch.targets != PADDING
        candidates = self._candidates.candidates(batch.targets[asked], generator)
        rows, gathered = self._gather(candidates.rows, batch.inputs)

        self._optimizer.zero_grad()
        found = self._find_gradient(*self._own_share(batch, candidates), rows, gathered)
        found = self._team.add_up(found, [*self._dense.values(), *gathered.values()])
        loss = self._move(rows, gathered, epoch, number, found, progress)
        return loss, len(candidates.columns)

    def _own_share(self, batch: Batch, candidates: Candidates) -> tuple[Batch, Candidates, float]:
        """Return what this process reads of a batch, and its share of the batch's targets.

        Rows and negatives stay those of the whole batch, so that the gradients of all processes are of one thing.
        """
        if self._team.size == 1:
            return batch, candidates, 1.0
        own = slice(self._team.rank, None, self._team.size)  # neighbours are of like length, and so the shares
        asked = batch.targets != PADDING
        mine = np.zeros(asked.shape, np.bool_)
        mine[own] = asked[own]
        columns = candidates.columns[mine[asked]]
        share = len(columns) / len(candidates.columns)
        return Batch(batch.inputs[own], batch.targets[own]), replace(candidates, columns=columns), share

    def _find_gradient(
        self,
        batch: Batch,
        candidates: Candidates,
        share: float,
        rows: dict[str, Tensor | None],
        gathered: dict[str, Tensor],
    ) -> Tensor:
        """Leave at the weights `share` times the gradient of the batch's mean loss; return `share` times the loss."""
        if not len(candidates.columns):
            return torch.zeros((), device=self._device)
        self._network.train()
        outputs, hidden = self._read(
            batch.inputs, rows["input_table"], gathered["input_table"], self._state_before(batch)
        )
        if batch.begins is not None:
            self._hidden = hidden.detach()
        vectors = self._ranking_rows(candidates.rows, rows, gathered)
        # By number: how many are true in a mask is for a GPU to say, which a step would have to wait for.
        asked = put(np.flatnonzero(batch.targets != PADDING), self._device)
        asked_outputs = outputs.flatten(0, 1).index_select(0, asked)
        loss = self._loss(asked_outputs, vectors, gathered.get("output_bias"), candidates)
        if share != 1.0:
            loss = loss * share
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _state_before(self, batch: Batch) -> Tensor | None:
        """Return the hidden state (B, S) the batch reads on from, None where every row begins."""
        if batch.begins is None:
            return None
        return self._hidden.masked_fill(put(batch.begins, self._device).unsqueeze(1), 0.0)

    def _loss(self, outputs: Tensor, vectors: Tensor, bias: Tensor | None, candidates: Candidates) -> Tensor:
        """Return the recipe's loss of outputs (N, K) over the candidates' rows (C, K) and bias (C,)."""
        columns = put(candidates.columns, self._device)
        if self._recipe.loss == "cross-entropy":
            known = candidates.correction if self._recipe.log_q else None
            correction = None if known is None else put(known, self._device)
            return softmax_loss(outputs, vectors, bias, correction, columns)
        logits = functional.linear(outputs, vectors, bias)
        return PAIRWISE_LOSSES[self._recipe.loss](logits, columns, self._recipe.logit_penalty)

    def _gather(
        self, candidates: NDArray[np.int64] | None, inputs: NDArray[np.int64]
    ) -> tuple[dict[str, Tensor | None], dict[str, Tensor]]:
        """Return, per table, the rows this step touches (None: all) and these rows as leaves."""
        rows: dict[str, Tensor | None] = dict.fromkeys(self._tables)
        if candidates is not None:
            read = np.unique(np.maximum(inputs, 0))
            tied = "output_table" not in self._tables
            rows = {name: put(candidates, self._device) for name in self._tables}
            rows["input_table"] = put(np.union1d(read, candidates) if tied else read, self._device)
        return rows, {name: table.gather(rows[name]) for name, table in self._tables.items()}

    def _read(
        self, inputs: NDArray[np.int64], rows: Tensor | None, gathered: Tensor, hidden: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        present = inputs != PADDING
        places = put(np.maximum(inputs, 0), self._device)
        looked_up = functional.embedding(places if rows is None else torch.searchsorted(rows, places), gathered)
        return self._network.read(looked_up, None if present.all() else put(present, self._device), hidden)

    def _ranking_rows(
        self, candidates: NDArray[np.int64] | None, rows: dict[str, Tensor | None], gathered: dict[str, Tensor]
    ) -> Tensor:
        if "output_table" in gathered:
            return self._network.ranking_rows(gathered["output_table"])
        own, vectors = rows["input_table"], gathered["input_table"]
        if candidates is not None and own is not None:
            vectors = functional.embedding(torch.searchsorted(own, put(candidates, self._device)), vectors)
        return self._network.ranking_rows(vectors)

    def _move(
        self,
        rows: dict[str, Tensor | None],
        gathered: dict[str, Tensor],
        epoch: int,
        number: int,
        found: Tensor,
        progress: float,
    ) -> float:
        """Move all weights against their gradient; return the loss that was found."""
        recipe = self._recipe
        # Apart, because the rows' gradient is longer the more rows a batch holds, and says nothing of the cells'.
        lengths = [
            torch.nn.utils.clip_grad_norm_(weights, recipe.gradient_clip)
            for weights in (self._dense.values(), gathered.values())
        ]
        # Read together: each look at a GPU waits for all it has still to do.
        loss, *numbers = torch.stack([found, *lengths]).cpu().tolist()
        length = max(numbers)
        if not (math.isfinite(loss) and all(math.isfinite(each) for each in numbers)):
            raise NotANumber(
                f"Expected a finite loss and gradient in epoch {epoch + 1}, batch {number + 1}, got a loss of {loss} "
                f"and a gradient of length {length}. Lower learning_rate ({recipe.learning_rate}), "
                f"table_learning_rate ({recipe.table_learning_rate}) or gradient_clip ({recipe.gradient_clip}), "
                "or use tanh in place of relu, and train anew."
            )
        share = course(progress, recipe.warm_up, recipe.final_rate)
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * share
        self._optimizer.step()
        for name, table in self._tables.items():
            table.step(gathered[name], rows[name], recipe.table_learning_rate * share)
        return float(loss)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that learning has changed, by name; the tensors are those in use, not copies."""
        kept = {f"network.{name}": tensor for name, tensor in self._weights().items()}
        for name, table in self._tables.items():
            kept.update({f"{what}.{name}": tensor for what, tensor in table.tensors.items()})
        for name, parameter in self._dense.items():
            for what, tensor in self._optimizer.state[parameter].items():
                kept[f"{self._recipe.optimizer}.{what}.{name}"] = tensor
        if self._recipe.session_parallel:
            kept["hidden"] = self._hidden
        return kept

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` returned, on whatever device it was learned."""
        weights = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
        self._network.load_state_dict(weights)
        for name, table in self._tables.items():
            for what, tensor in table.tensors.items():
                tensor.copy_(tensors[f"{what}.{name}"])
        for name, parameter in self._dense.items():
            parts = ("step", "exp_avg", "exp_avg_sq", "sum")
            kept = {what: tensors.get(f"{self._recipe.optimizer}.{what}.{name}") for what in parts}
            known = {
                # The optimiser counts its steps on the processor.
                what: tensor.to(PROCESSOR if what == "step" else self._device, copy=True)
                for what, tensor in kept.items()
                if tensor is not None
            }
            if known:
                self._optimizer.state[parameter] = known
        if self._recipe.session_parallel:
            self._hidden = tensors["hidden"].to(self._device, copy=True)
