"""The bytes of hidden states, in three forms that are told apart by their length; S numbers take

    single   3.5 S + e bytes    little-endian float32, its highest byte in half the room; nothing is lost
    half     2 S bytes          little-endian float16, what does not fit set to its largest, 65,504
    whole    4 S bytes          little-endian float32 as it is, where `single` would not be shorter

The highest byte of a float32 is its sign and the coarse part of its exponent. States lie between -1 and 1, most of them
not close to 0, so that fourteen values of it are nearly all there is; a half byte names them, and a byte at the end
each of the `e` others. Every form is read, whatever is written. Knows nothing of checkpoints.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Precision = Literal["single", "half"]

_SINGLE = np.dtype("<f4")
_HALF = np.dtype("<f2")
_LARGEST_HALF = float(np.finfo(np.float16).max)

# From 8 down to 2**-11, either sign, and the digit that stands for each. The order is part of the format.
_USUAL = bytes(sign | high for high in range(0x40, 0x39, -1) for sign in (0x00, 0x80))
_OTHER = b"f"
_TO_DIGIT = bytes(b"0123456789abcd"[_USUAL.index(high)] if high in _USUAL else _OTHER[0] for high in range(256))
_FROM_DIGIT = bytes.maketrans(b"0123456789abcd", _USUAL)


def pack(states: NDArray[np.float32], precision: Precision) -> list[bytes]:
    """Return each row (B, S) in its stored form."""
    if precision == "half":
        halves = states.clip(-_LARGEST_HALF, _LARGEST_HALF).astype(_HALF)
        return [row.tobytes() for row in halves]
    return [_packed(row.tobytes()) for row in states.astype(_SINGLE, copy=False)]


def unpack(stored: bytes, size: int) -> NDArray[np.float32]:
    """Return the state (size) of a stored form. Raise ValueError for bytes that are no state of this size."""
    if len(stored) == _HALF.itemsize * size:
        return np.frombuffer(stored, _HALF).astype(np.float32)
    if len(stored) != _SINGLE.itemsize * size:
        stored = _whole(stored, size)
    return np.frombuffer(stored, _SINGLE)


def _packed(whole: bytes) -> bytes:
    high = whole[3::4]
    digits = high.translate(_TO_DIGIT) + _OTHER * (len(high) % 2)
    names = bytes.fromhex(digits.decode())
    packed = b"".join([names, whole[::4], whole[1::4], whole[2::4], high.translate(None, _USUAL)])
    return packed if len(packed) < len(whole) else whole


def _whole(packed: bytes, size: int) -> bytes:
    begins = (size + 1) // 2
    digits = packed[:begins].hex()[:size].encode()
    others = packed[begins + 3 * size :]
    if begins + 3 * size > len(packed) or digits.count(_OTHER) != len(others):
        raise ValueError(f"{len(packed)} bytes are no hidden state of {size} numbers")
    high = digits.translate(_FROM_DIGIT)
    if others:
        rest = iter(others)
        high = bytes(next(rest) if digit == _OTHER[0] else usual for digit, usual in zip(digits, high, strict=True))
    whole = bytearray(4 * size)
    for place in range(3):
        whole[place::4] = packed[begins + place * size : begins + (place + 1) * size]
    whole[3::4] = high
    return bytes(whole)
