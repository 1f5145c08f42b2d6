"""The columns of a session record that take the most room: names, times and short codes, packed and unpacked.

Everything comes back exactly as it went in. Knows nothing of sessions.
"""

import re
import struct
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from itertools import accumulate
from operator import add, sub
from typing import Any

import msgpack

# Track ids are mostly made of these 64 signs, six bits each.
_SIX_BITS = re.compile(r"[A-Za-z0-9_-]*")
# Ids this long are UUIDs and URIs, which repeat themselves: deflate takes fifty of them from 1,900 bytes to 1,000.
_LONG = 24
_DEFLATE_FROM = 512
_LARGEST_LENGTH = 255
_LOW_BITS = 16
_LOW = (1 << _LOW_BITS) - 1


def packed(value: object) -> bytes:
    """Return a value in msgpack; text may hold lone surrogates."""
    data: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return data


def unpacked(data: bytes | memoryview) -> Any:
    """Return the value in msgpack."""
    return msgpack.unpackb(data, unicode_errors="surrogatepass")


def pack_names(names: Sequence[str]) -> Any:
    """Pack names: six bits a sign with their length or lengths, deflated, or as they are."""
    text = "".join(names)
    lengths = [len(name) for name in names]
    longest = max(lengths, default=0)
    if len(text) < _LONG * len(names) and longest <= _LARGEST_LENGTH and _SIX_BITS.fullmatch(text):
        bits = urlsafe_b64decode(text + "A" * (-len(text) % 4))
        return (longest if longest * len(names) == len(text) else bytes(lengths), len(names), bits)
    plain = packed(names)
    return list(names) if len(plain) < _DEFLATE_FROM else zlib.compress(plain, level=1, wbits=-zlib.MAX_WBITS)


def unpack_names(names: Any) -> list[str]:
    """Return the names that `pack_names` packed."""
    if isinstance(names, bytes):
        return list(unpacked(zlib.decompress(names, wbits=-zlib.MAX_WBITS)))
    if not names or isinstance(names[0], str):
        return list(names)
    lengths, count, bits = names
    text = urlsafe_b64encode(bits).decode()
    if isinstance(lengths, int):
        return (
            [text[start : start + lengths] for start in range(0, lengths * count, lengths)] if lengths else [""] * count
        )
    return [text[end - length : end] for length, end in zip(lengths, accumulate(lengths), strict=True)]


def pack_times(times: Sequence[int]) -> tuple[int, int, bytes, list[int]]:
    """Pack times in ms: the first, and the steps to the next ones, two bytes and as many digits as most of them need.

    Returns first, digits per step, steps, and what does not fit as place, step, place, step, … Among songs of four
    minutes, which take two and a half bytes, a pause of ten hours takes six more, and not one more for every song.
    """
    if not times:
        return 0, 1, b"", []
    steps = list(map(sub, times, (times[0], *times)))
    width = _width(steps)
    exceptions: list[int] = []
    if min(steps) < 0 or max(steps) >> _LOW_BITS + 4 * width:
        for place, step in enumerate(steps):
            if step < 0 or step >> _LOW_BITS + 4 * width:
                exceptions += (place, step)
                steps[place] = 0
    low = struct.pack(f"<{len(steps)}H", *[step & _LOW for step in steps])
    high = f"%0{width}x" * len(steps) % tuple([step >> _LOW_BITS for step in steps])
    return times[0], width, low + pack_digits(high), exceptions


def unpack_times(first: int, width: int, data: bytes, exceptions: Sequence[int], count: int) -> list[int]:
    """Return the times that `pack_times` packed."""
    if not count:
        return []
    digits = data[2 * count :].hex()
    high = digits[:count] if width == 1 else [digits[start : start + width] for start in range(0, width * count, width)]
    steps = list(map(add, struct.unpack_from(f"<{count}H", data), map(_HIGH.__getitem__, high)))
    for place, step in zip(exceptions[::2], exceptions[1::2], strict=True):
        steps[place] = step
    steps[0] += first
    return list(accumulate(steps))


class _Digits(dict[str, int]):
    """What hexadecimal digits above the two low bytes stand for; the single ones are looked up at once."""

    def __missing__(self, digits: str) -> int:
        return int(digits, 16) << _LOW_BITS


_HIGH = _Digits({digit: value << _LOW_BITS for value, digit in enumerate("0123456789abcdef")})


def pack_digits(digits: str) -> bytes:
    """Pack hexadecimal digits, two in a byte."""
    return bytes.fromhex(digits if len(digits) % 2 == 0 else digits + "0")


def _width(steps: Sequence[int]) -> int:
    """Return the digits above the two low bytes that six in seven steps need at most."""
    usual = sorted(steps)[len(steps) * 6 // 7] >> _LOW_BITS
    return max(1, (usual.bit_length() + 3) // 4)
