"""Where a network learns: the processor, or a GPU. Knows nothing of what is learned there.

Only learning moves: validation, mixing and publishing ask the network on the processor, where the code that answers
listeners works.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.errors import InvalidRequest

AUTO = "auto"
PROCESSOR = torch.device("cpu")


def find_device(asked: str = AUTO) -> torch.device:
    """Return the device of a name: `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is a GPU where there is one.

    Of the processes `torchrun` starts on one machine each gets a GPU of its own. Raises InvalidRequest for what is not
    there.
    """
    kind, colon, number = asked.partition(":")
    known = asked in (AUTO, "cpu", "cuda") or (kind == "cuda" and number.isdecimal() and number.isascii())
    if not known:
        raise InvalidRequest(f"Expected --device auto, cpu, cuda or cuda:N, got {asked!r}.")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "cpu" or (asked == AUTO and not gpus):
        return PROCESSOR
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if colon and beside > 1:
        raise InvalidRequest(
            f"Expected --device cuda for {beside} processes on one machine, each of which takes a GPU of its own, got "
            f"{asked!r}. Leave out the number, or start one process."
        )
    place = int(number) if colon else int(os.environ.get("LOCAL_RANK", "0"))
    if place >= gpus:
        raise InvalidRequest(
            f"Expected GPU number {place} on this machine, where torch {torch.__version__} sees {gpus}. Say --device "
            "cpu, start no more processes than there are GPUs, or install a build of torch for your GPU."
        )
    return torch.device("cuda", place)


def put(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """Return an array as a tensor on the device; on the processor both share their memory."""
    return torch.from_numpy(array).to(device)


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Leave the random numbers of everybody else as they were when the block ends."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
