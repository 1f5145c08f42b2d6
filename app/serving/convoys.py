"""One listener's requests go together: who comes while others of hers are on their way goes with the next convoy.

A convoy is one walk: one load, one step of the model, one commit, however many go. The first request never waits and
takes nobody along, so that a listener who asks now and then knows nothing of this. A convoy gathers and loads as all
others do: setting out at once with what the one before has stored, it would take a step of its own, and a step costs
nearly as much for one as for all. Correctness never rests on this: the store's compare-and-set decides.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from app.serving.engine import Engine, Predictor
from app.serving.turns import Turns
from app.serving.walks import Errand, Walked, Walks

# One answer waits for the reading of all who go with it. Who has more open requests waits for the convoy after.
MOST = 32


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A request that goes with the next convoy, and since when it waits, in seconds."""

    predictor: Predictor
    errand: Errand
    answer: asyncio.Future[Walked]
    since: float


class Convoys:
    """Takes listeners' requests to the network and back, each listener's one convoy after the other."""

    def __init__(self, walks: Walks, engine: Engine, turns: Turns) -> None:
        self._walks = walks
        self._engine = engine
        self._turns = turns
        # A listener is in here for as long as a convoy of hers is on its way.
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._on_the_way: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    async def walk(self, predictor: Predictor, listener_id: str, errand: Errand) -> Walked:
        """Take a request along; return what came of it, in the order of asking. Raises what `Walks.walk` does."""
        waiting = self._waiting.get(listener_id)
        if waiting is not None:
            answer: asyncio.Future[Walked] = asyncio.get_running_loop().create_future()
            waiting.append(_Waiting(predictor, errand, answer, perf_counter()))
            return await answer
        self._waiting[listener_id] = deque()
        try:
            [walked] = await self._go(predictor, listener_id, [errand])
            return walked
        finally:
            self._next(listener_id)

    async def _go(self, predictor: Predictor, listener_id: str, errands: Sequence[Errand]) -> Sequence[Walked]:
        async with self._turns.of(listener_id):
            began = perf_counter()
            await self._engine.gather()
            _note_gathered(errands, began)
            return await self._walks.walk(predictor, listener_id, errands)

    def _next(self, listener_id: str) -> None:
        """Send all who wait on their way."""
        waiting = self._waiting[listener_id]
        going: list[_Waiting] = []
        # One walk is of one checkpoint; after a swap, who was asked for the one before goes first.
        while waiting and len(going) < MOST and (not going or waiting[0].predictor is going[0].predictor):
            one = waiting.popleft()
            if not one.answer.done():  # else the caller has left
                going.append(one)
        if not going:
            del self._waiting[listener_id]
            return
        convoy = asyncio.create_task(self._convoy(listener_id, going), name="convoy")
        self._on_the_way.add(convoy)
        convoy.add_done_callback(self._on_the_way.discard)

    async def _convoy(self, listener_id: str, going: Sequence[_Waiting]) -> None:
        for one in going:
            _note_gathered([one.errand], one.since)
        try:
            walked = await self._go(going[0].predictor, listener_id, [one.errand for one in going])
            for one, own in zip(going, walked, strict=True):
                if not one.answer.done():
                    one.answer.set_result(own)
        except Exception as failure:  # whatever it was befell the listener's session, and so all who asked for it
            for one in going:
                if not one.answer.done():
                    one.answer.set_exception(failure)
        finally:
            for one in going:
                one.answer.cancel()  # nothing happens to those that have their answer
            self._next(listener_id)


def _note_gathered(errands: Sequence[Errand], since: float) -> None:
    for errand in errands:
        errand.stopwatch.add("gather", int((perf_counter() - since) * 1e6))
