"""How many processor threads the matrix products of this process use. Knows nothing of what they compute."""

import torch


def use_threads(count: int) -> None:
    """Let torch use this many threads; more than there are idle cores makes everything slower."""
    torch.set_num_threads(count)
