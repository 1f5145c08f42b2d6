"""Who sets out together: those who come while others are on their way to the model, as soon as it has answered these.

So nobody waits for a clock: a lone request sets out at once, and the more there are, the larger the company grows by
itself. Knows nothing of what is asked.
"""

import asyncio


class Company:
    """Lets requests go in companies of at most `size`; nobody waits longer than `longest_s` for those before."""

    def __init__(self, size: int, longest_s: float) -> None:
        self._size = size
        self._longest_s = longest_s
        self._on_the_way = False
        self._waiting: list[asyncio.Future[None]] = []
        self._patience: asyncio.TimerHandle | None = None

    async def join(self) -> None:
        """Wait until those who are on their way have their answers; return at once where nobody is."""
        if not self._on_the_way:
            self._on_the_way = True
            return
        if not self._longest_s:
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            # Who set out may never get there: the session store hangs, or all of them have hung up.
            self._patience = loop.call_later(self._longest_s, self._set_out)
        self._waiting.append(turn)
        if len(self._waiting) >= self._size:
            self._set_out()
        await turn

    def answered(self) -> None:
        """Take note that the model has answered: whoever waits sets out."""
        self._set_out()

    def disband(self) -> None:
        """Let nobody wait any longer, for nothing will be answered."""
        for turn in self._ended():
            turn.cancel()

    def _set_out(self) -> None:
        waiting = self._ended()
        self._on_the_way = bool(waiting)
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    def _ended(self) -> list[asyncio.Future[None]]:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        waiting, self._waiting = self._waiting, []
        return waiting
