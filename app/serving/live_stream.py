"""One open stream: what is to be told next, ranked only when its reader is ready for it.

Nothing is queued. Whatever happens while a reader is slow, what comes next is the newest ranking. Knows nothing of how
it is sent.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from app.domain.events import ListenerEvent
from app.domain.recommendation import Ask, Recommendation
from app.errors import TryLater

# Beside `state_unavailable`: what changes meanwhile is told only when this is over.
UPDATES_UNAVAILABLE = "updates_unavailable"
# What was missing is looked for again after so long, not by all streams at once.
AGAIN_S = 2.0

_chance = Random()


@dataclass(frozen=True, slots=True)
class ModelChanged:
    """Another checkpoint ranks from now on."""

    checkpoint_id: str
    previous: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The last that is told. `retry_ms` says when a new stream is worth asking for; None: it is not."""

    reason: str
    retry_ms: int | None = None


Told = Recommendation | ModelChanged | Bye


class Ranking(Protocol):
    """Who ranks for all streams of a worker."""

    @property
    def is_away(self) -> bool:
        """Whether changes go unnoticed now."""

    async def rank(self, listener_id: str, events: Sequence[ListenerEvent], ask: Ask) -> Recommendation:
        """Take in events, if any, and rank."""


class LiveStream:
    """Follows one listener for one reader. `seen` is the id of the ranking that the reader has from before."""

    def __init__(self, ranking: Ranking, listener_id: str, ask: Ask, seen: str | None = None) -> None:
        self.listener_id = listener_id
        self._ranking = ranking
        self._ask = ask
        self._seen = seen
        self._degraded: tuple[str, ...] = ()
        self._latest: Recommendation | None = None
        self._due = asyncio.Event()
        self._newest: int | None = None
        self._one_at_a_time = asyncio.Lock()
        self._bye: Bye | None = None

    async def upcoming(self, patience_s: float | None) -> tuple[Told, ...]:
        """Wait for what is to be told next, in order; nothing when nothing happens within `patience_s`, if given."""
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    await self._due.wait()
            except TimeoutError:
                return ()
            async with self._one_at_a_time:
                self._due.clear()
                if told := await self._looked():
                    return told

    async def observe(self, events: Sequence[ListenerEvent]) -> tuple[Told, ...]:
        """Take in events and return what is to be told of them; raises what `Recommender.observe` raises."""
        async with self._one_at_a_time:
            found = await self._ranking.rank(self.listener_id, events, self._ask)
            if found.degraded:
                self._look_again()
            return self._telling(found)

    def notice(self, seq: int | None) -> None:
        """Look at the listener again; if a seq is given, only unless it is what was told last."""
        must_look = self._due.is_set() and self._newest is None
        self._newest = None if must_look else seq
        self._due.set()

    def begin(self) -> None:
        """Look at the listener unless something was told already."""
        if self._latest is None:
            self._due.set()

    def end(self, bye: Bye) -> None:
        """Say good-bye next, whatever else there was to tell."""
        self._bye = self._bye or bye
        self._due.set()

    async def _looked(self) -> tuple[Told, ...]:
        if self._is_told():
            return ()
        found = await self._found()
        if self._bye is not None:
            return (self._bye,)
        if found is None or self._is_old(found):
            return ()
        return self._telling(found)

    async def _found(self) -> Recommendation | None:
        """Rank; where something is missing, return what was told last, saying so, and look again later."""
        if self._bye is not None:
            return None
        if self._ranking.is_away and self._latest is not None:
            return replace(self._latest, degraded=(UPDATES_UNAVAILABLE,))
        try:
            found = await self._ranking.rank(self.listener_id, (), self._ask)
        except TryLater:
            self._look_again()
            return None
        if found.degraded:
            self._look_again()
        if found.degraded and self._latest is not None:
            found = replace(self._latest, degraded=found.degraded)
        return replace(found, degraded=(*found.degraded, UPDATES_UNAVAILABLE)) if self._ranking.is_away else found

    def _is_told(self) -> bool:
        """Whether the newest that was noticed is our own: the answer to events was told before the notice of them."""
        if self._newest is None or self._latest is None or self._degraded or self._bye is not None:
            return False
        return self._latest.seq == self._newest

    def _is_old(self, found: Recommendation) -> bool:
        if found.degraded or self._degraded:
            return found.degraded == self._degraded
        return found.recommendation_id == self._seen

    def _telling(self, found: Recommendation) -> tuple[Told, ...]:
        """Return a ranking, after the change of model if there was one, and remember that it was told."""
        before = self._latest
        self._degraded = found.degraded
        if not found.degraded:
            self._latest, self._seen = replace(found, receipts=()), found.recommendation_id
        if before is None or found.checkpoint_id == before.checkpoint_id:
            return (found,)
        return ModelChanged(found.checkpoint_id, before.checkpoint_id), found

    def _look_again(self) -> None:
        asyncio.get_running_loop().call_later(_chance.uniform(AGAIN_S / 2, AGAIN_S), self.notice, None)
