"""How many requests are being answered at once, and who had better come later.

An answer that comes too late is work for nobody, and makes the next one late as well. So a request that would have to
wait longer than `patience_s`, at the pace at which answers have lately left, is refused before anything is done for it.
In a flood, when far more come than are answered, half of that is too long: a short queue answers as many as a long one.
Knows nothing of what is asked.
"""

from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Overloaded
from app.web.problems import problem_response

PATIENCE_S = 0.1
# So many are never too many: while the session store hangs, all are slow, and yet each gets an answer without it.
ALWAYS = 32
# In a flood fewer are: there is always a next one.
ALWAYS_IN_A_FLOOD = 16
FLOOD = 2  # times as many come as leave
# Shorter, and every pause of the machine would pass for a flood.
LOOK_S = 0.2
# One answer in so many makes up the estimate: batches leave at once, and the pauses between them are the pace.
MEMORY = 64


class Crowd:
    """Counts the requests of one worker; `most` is how many may be open whatever the pace is."""

    def __init__(
        self, most: int = 1024, patience_s: float = PATIENCE_S, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._most = most
        self._patience_s = patience_s
        self._clock = clock
        self._open = 0
        self._gap_s = 0.0
        self._latest = clock()
        self._came = self._left = 0
        self._looked = clock()
        self._is_flood = False

    def __len__(self) -> int:
        return self._open

    def enter(self) -> None:
        """Count one in; raise Overloaded, counting nobody, where the wait would be too long."""
        self._came += 1
        self._look()
        always, patience_s = (ALWAYS_IN_A_FLOOD, self._patience_s / 2) if self._is_flood else (ALWAYS, self._patience_s)
        if self._open >= always and (self._open >= self._most or self._open * self._gap_s > patience_s):
            raise Overloaded(
                f"{self._open} requests are being answered, which takes longer than the "
                f"{patience_s * 1e3:.0f} ms a request may have to wait. Try again."
            )
        if not self._open:
            self._latest = self._clock()  # nobody was there: the pause before says nothing of the pace
        self._open += 1

    def leave(self) -> None:
        """Count one out."""
        now = self._clock()
        self._gap_s += (now - self._latest - self._gap_s) / MEMORY
        self._latest = now
        self._left += 1
        self._open -= 1

    def _look(self) -> None:
        """See from time to time whether far more came than left."""
        now = self._clock()
        if now - self._looked >= LOOK_S:
            # A few more are no flood, but the next batch's.
            self._is_flood = self._came > FLOOD * self._left + ALWAYS
            self._came = self._left = 0
            self._looked = now


class CrowdControl:
    """Wraps an ASGI app: lets requests in while there is room for them."""

    def __init__(self, app: ASGIApp, crowd: Crowd) -> None:
        self._app = app
        self._crowd = crowd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one exchange through, or refuse it at once."""
        try:
            self._crowd.enter()
        except Overloaded as refusal:
            await problem_response(refusal, scope)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._crowd.leave()
