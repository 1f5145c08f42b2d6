"""How often somebody may ask, counted over all workers of a machine in a file that they share in memory.

The generic cell rate algorithm (ITU-T I.371, annex A; as a limiter: brandur.org/rate-limiting): one number per asker,
the time at which all that was asked has been paid for. A number is eight bytes in a file mapped by every worker; two
workers that count the same asker in the same microsecond may count one request of the two. It costs no command to
Redis and holds while Redis is away; each machine counts for itself. Knows nothing of keys and of HTTP.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from zlib import crc32

# Room for so many askers that two of twenty share a number once in three hundred installations.
SLOTS = 65_536
_NUMBER = struct.Struct("=d")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after one request: how many more at once, and in how many seconds all are there again.

    `wait_s` is 0 where the request is allowed, else after how long one will be.
    """

    remaining: int
    reset_s: int
    wait_s: int


class SharedRates:
    """Counts of many askers in one file, by name."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(opened, SLOTS * _NUMBER.size)
            self._numbers = mmap.mmap(opened, SLOTS * _NUMBER.size)
        finally:
            os.close(opened)

    def take(self, asker: str, quota: int, window_s: int, now: float | None = None) -> Allowance:
        """Count one request of an asker who may make `quota` in `window_s`, all at once; not if it is one too many.

        `now` is a monotonic time.
        """
        now = monotonic() if now is None else now
        place = crc32(asker.encode()) % SLOTS * _NUMBER.size
        paid_at: float = _NUMBER.unpack_from(self._numbers, place)[0]
        # What lies further ahead than any asker can get is of another boot of the machine; a NaN is nobody's.
        paid_at = paid_at if now < paid_at <= now + window_s else now
        each_s = window_s / quota
        ahead_s = paid_at - now + each_s
        over_s = ahead_s - window_s
        if over_s > 1e-6:  # sums of fractions of a second
            return Allowance(0, ceil(paid_at - now), ceil(over_s))
        _NUMBER.pack_into(self._numbers, place, now + ahead_s)
        return Allowance(int((window_s - ahead_s) / each_s + 1e-6), ceil(ahead_s), 0)

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.close()
