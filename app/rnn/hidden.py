"""Hidden states as listeners carry them: bytes stamped with the checkpoint that made them.

The only module that opens the bytes: little-endian float32, all layers and parts flat. It knows nothing of networks.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from app.domain.session import StampedHidden
from app.errors import CorruptCheckpoint, IncompatibleCheckpoint

_FLOAT = np.dtype("<f4")


def stamp(checkpoint_id: str, hidden: Tensor) -> list[StampedHidden]:
    """Seal states (B, S) as B values that only this checkpoint will open."""
    rows = hidden.detach().cpu().numpy().astype(_FLOAT, copy=False)
    return [StampedHidden(checkpoint_id, row.tobytes()) for row in rows]


def unstamp(checkpoint_id: str, stamped: Sequence[StampedHidden | None], state_size: int) -> Tensor:
    """Open states to (B, S); None is the start state, all zeros.

    Raises IncompatibleCheckpoint for a state of another checkpoint and CorruptCheckpoint for one of another size.
    """
    hidden = np.zeros((len(stamped), state_size), np.float32)
    for row, state in zip(hidden, stamped, strict=True):
        if state is None:
            continue
        if state.checkpoint_id != checkpoint_id:
            raise IncompatibleCheckpoint(
                f"Expected a hidden state of checkpoint {checkpoint_id}, got one of {state.checkpoint_id}. "
                "Replay the listener's recent tracks instead."
            )
        if len(state.data) != state_size * _FLOAT.itemsize:
            raise CorruptCheckpoint(
                f"Expected a hidden state of {state_size * _FLOAT.itemsize} bytes for checkpoint {checkpoint_id}, "
                f"got {len(state.data)}. Replay the listener's recent tracks instead."
            )
        row[:] = np.frombuffer(state.data, _FLOAT)
    return torch.from_numpy(hidden)
