"""How often something is tried again, and after how long.

Every try may be one too many for the server, so pauses are random (full jitter): callers who failed together do not
come back together. Trying again is safe: events carry ids of ours, by which the server knows them again.
"""

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from segue_client.errors import Refused, Unavailable

# Not now (429, 503), a proxy that found nobody (502, 504), and a session that changed too often meanwhile (409).
LATER = frozenset({409, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Send:
    """One request to be sent; what comes back is a response, or how the connection failed."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    query: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Some time to pass."""

    seconds: float


_T = TypeVar("_T")
# What is to be done, step by step, whether it is done waiting or awaiting.
Flow = Generator[Send | Pause, Any, _T]


@dataclass(frozen=True, slots=True)
class Patience:
    """`attempts` in all; before the n-th again, up to `first_pause_s` * 2^n, at most `longest_pause_s`."""

    attempts: int = 4
    first_pause_s: float = 0.2
    longest_pause_s: float = 5.0

    def pause_s(self, turn: int) -> float:
        """Draw the pause after a failed try; the first is number 0."""
        return random.uniform(0.0, min(self.longest_pause_s, self.first_pause_s * 2**turn))


def answered(send: Send, patience: Patience) -> Flow[httpx.Response]:
    """Send until there is an answer. Raises Refused for a no, Unavailable when there was none in all attempts."""
    came: httpx.Response | httpx.TransportError | None = None
    for turn in range(patience.attempts):
        came = yield send
        if isinstance(came, httpx.Response) and came.status_code not in LATER:
            if came.is_error:
                raise Refused.of(came)
            return came
        if turn + 1 < patience.attempts:
            yield Pause(max(patience.pause_s(turn), min(_asked_s(came), patience.longest_pause_s)))
    why = str(Refused.of(came)) if isinstance(came, httpx.Response) else f"{type(came).__name__}: {came}"
    raise Unavailable(f"{send.method} {send.path} was tried {patience.attempts} times. The last time: {why}")


def _asked_s(came: httpx.Response | httpx.TransportError | None) -> float:
    """Return the wait that the server asked for, 0 where it asked for none."""
    asked = came.headers.get("retry-after", "") if isinstance(came, httpx.Response) else ""
    return float(asked) if asked.isdecimal() else 0.0
