"""Hidden states as listeners carry them: bytes stamped with the checkpoint that made them.

    the numbers, as `hidden_bytes.py` packs them
    4 bytes where the network joins its last input to the state: the track it was, little-endian, ffffffff for none

Nothing here knows networks.
"""

import struct
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from app.domain.session import StampedHidden
from app.errors import CorruptCheckpoint, IncompatibleCheckpoint
from app.rnn.hidden_bytes import Precision, pack, unpack
from app.rnn.network import PADDING

_TRACK = struct.Struct("<i")


def stamp(
    checkpoint_id: str, hidden: Tensor, precision: Precision = "single", last: Sequence[int] | None = None
) -> list[StampedHidden]:
    """Seal states (B, S), with the last track read if given, as B values that only this checkpoint will open.

    In single precision they come back bit by bit, in half precision rounded, at half the room.
    """
    rows = pack(hidden.detach().cpu().numpy(), precision)
    ends = [b""] * len(rows) if last is None else [_TRACK.pack(track) for track in last]
    return [StampedHidden(checkpoint_id, row + end) for row, end in zip(rows, ends, strict=True)]


def last_tracks(stamped: Sequence[StampedHidden | None]) -> Tensor:
    """Return the last tracks read (B,) of states stamped with them, PADDING for the start state."""
    ends = [b"" if state is None else state.data[-_TRACK.size :] for state in stamped]
    return torch.tensor([_TRACK.unpack(end)[0] if end else PADDING for end in ends], dtype=torch.int64)


def unstamp(
    checkpoint_id: str, stamped: Sequence[StampedHidden | None], state_size: int, *, with_last: bool = False
) -> Tensor:
    """Open states of either precision to (B, S); None is the start state, all zeros.

    `with_last` tells whether they were stamped with the last track. Raises IncompatibleCheckpoint for a state of
    another checkpoint and CorruptCheckpoint for one of another size.
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
            row[:] = unpack(state.data[: -_TRACK.size] if with_last else state.data, state_size)
        except ValueError as error:
            raise CorruptCheckpoint(
                f"Expected a hidden state of {state_size} numbers for checkpoint {checkpoint_id}: {error}. "
                "Replay the listener's recent tracks instead."
            ) from error
    return torch.from_numpy(hidden)
