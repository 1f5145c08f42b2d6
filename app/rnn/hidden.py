"""Hidden states as listeners carry them: bytes stamped with the checkpoint that made them.

`hidden_bytes.py` knows the bytes. Nothing here knows networks.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from app.domain.session import StampedHidden
from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.hidden_bytes import Precision, pack, unpack


def stamp(checkpoint_id: str, hidden: Tensor, precision: Precision = "single") -> list[StampedHidden]:
    """Seal states (B, S) as B values that only this checkpoint will open.

    In single precision they come back bit by bit, in half precision rounded, at half the room.
    """
    rows = pack(hidden.detach().cpu().numpy(), precision)
    return [StampedHidden(checkpoint_id, row) for row in rows]


def unstamp(checkpoint_id: str, stamped: Sequence[StampedHidden | None], state_size: int) -> Tensor:
    """Open states of either precision to (B, S); None is the start state, all zeros.

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
        try:
            row[:] = unpack(state.data, state_size)
        except ValueError as error:
            raise CorruptCheckpoint(
                f"Expected a hidden state of {state_size} numbers for checkpoint {checkpoint_id}: {error}. "
                "Replay the listener's recent tracks instead."
            ) from error
    return torch.from_numpy(hidden)
