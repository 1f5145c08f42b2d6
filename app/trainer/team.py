"""The processes that learn one network together, on one machine or several, as `torchrun` starts them.

Each of them holds the whole network and reads its share of every batch; what they find is added up, so that all take
the same step. One leads: it judges, saves and publishes. Knows nothing of networks, recipes or files.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from app.errors import SegueError, TrainingError
from app.trainer.device import PROCESSOR

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Team:
    """This process's place among those that learn together; a team of one does everything itself.

    `device` is where this process learns; the others learn on devices of the same kind.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = PROCESSOR

    @property
    def leads(self) -> bool:
        """Whether this process judges, saves and publishes."""
        return self.rank == 0

    def from_lead(self, make: Callable[[], T]) -> T:
        """Return what the leading process makes of it, to all; what Segue refuses there is refused everywhere."""
        if self.size == 1:
            return make()
        box: list[T | SegueError | None] = [None]
        if self.leads:
            try:
                box = [make()]
            except SegueError as refusal:
                box = [refusal]
        with _together():
            distributed.broadcast_object_list(box, src=0)
        (made,) = box
        if isinstance(made, SegueError):
            raise made
        return made  # type: ignore[return-value]

    def start_alike(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the leading one's numbers."""
        if self.size > 1:
            with _together(), torch.no_grad():
                for tensor in tensors:
                    distributed.broadcast(tensor, src=0)

    def add_up(self, loss: Tensor, leaves: Sequence[Tensor]) -> Tensor:
        """Add up the gradients that the processes found for the same leaves, and return the sum of their losses.

        The gradients are of shares of one mean, so their sum is its gradient: what averaging over replicas is to
        DistributedDataParallel (Li et al., VLDB 2020). The sum has the same bits everywhere, NaN included.
        """
        if self.size == 1:
            return loss
        found = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
        # One message: each has a cost of its own, however short it is.
        flat = torch.cat([loss.detach().reshape(1), *(gradient.flatten() for gradient in found)])
        with _together():
            distributed.all_reduce(flat)
        total, *sums = torch.split(flat, [1, *(leaf.numel() for leaf in leaves)])
        for leaf, summed in zip(leaves, sums, strict=True):
            leaf.grad = summed.view_as(leaf)
        return total.squeeze(0)


ALONE = Team()


@contextmanager
def join_team(device: torch.device = PROCESSOR) -> Iterator[Team]:
    """Join the processes `torchrun` started this one with, until the block ends; without `torchrun`, be alone.

    GPUs speak to each other by NCCL; what lies in the processor's memory goes by Gloo.
    """
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        yield Team(device=device)
        return
    with _together():
        distributed.init_process_group("gloo" if device.type == "cpu" else f"cpu:gloo,{device.type}:nccl")
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()


@contextmanager
def _together() -> Iterator[None]:
    """Say in our words that another process has gone; its own message says why."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            f"Expected all processes of this training to go on, lost one: {str(error).splitlines()[0]} Its own message "
            "says why. The same command with --resume goes on."
        ) from error
