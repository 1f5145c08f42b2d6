"""The first bytes of a safetensors file: how long its header claims to be. Knows nothing of what a header states."""

import struct

from app.errors import CorruptCheckpoint

# A header states name, type, shape and place of each tensor, about 100 bytes a tensor; our networks have dozens.
MAX_HEADER_BYTES = 2**20
PREFIX_BYTES = 8


def header_length(name: str, prefix: bytes) -> int:
    """Return how many bytes of header follow the prefix of a file; raise CorruptCheckpoint for more than any has."""
    length = int(struct.unpack("<Q", prefix)[0]) if len(prefix) == PREFIX_BYTES else 0
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise CorruptCheckpoint(
            f"Expected a header of 2 to {MAX_HEADER_BYTES} bytes in {name}, it claims {length}; publish or copy it "
            "again."
        )
    return length
