"""One listener's walk: load, take in, let the network read, rank, commit; and again when somebody else was faster.

Several of the listener's requests may go on one walk: each is taken in and ranked after those before it, all in one
commit. Knows nothing of which checkpoint serves, and of what is done when the session store is away.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter

from app.domain.events import ListenerEvent
from app.domain.policy import NOTHING, exclusions
from app.domain.ranking import Ranking, StepRequest
from app.domain.recommendation import Ask, EventReceipt
from app.domain.session import ListenerSession, SessionLimits
from app.domain.taking_in import TakenIn, take_in
from app.errors import SessionConflict
from app.serving.engine import Engine, Predictor
from app.serving.thinning import thinned_step
from app.serving.tries import MANY, tries
from app.stores.session_store import SessionStore
from app.telemetry import Stopwatch

# With other workers at the same listener, the network's turn is what makes a walk long and its commit late.
FULL_WALKS = 2


@dataclass(frozen=True, slots=True)
class Walked:
    """What one walk over a listener's session came to. `degraded` names what was missing on the way.

    `before` is the session as it was stored, where the walk took it on in one piece.
    """

    session: ListenerSession
    ranking: Ranking
    receipts: tuple[EventReceipt, ...]
    degraded: tuple[str, ...] = ()
    before: ListenerSession | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """One request of a listener: the events it tells of and what it asks for; its stopwatch notes the stages."""

    events: Sequence[ListenerEvent]
    ask: Ask
    stopwatch: Stopwatch


class Walks:
    """Takes listeners' events into their stored sessions. `clock` tells the time, in seconds since 1970."""

    def __init__(
        self, engine: Engine, sessions: SessionStore, limits: SessionLimits, clock: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._limits = limits
        self._clock = clock

    async def walk(
        self,
        predictor: Predictor,
        listener_id: str,
        errands: Sequence[Errand],
    ) -> list[Walked]:
        """Take in the events of a listener's requests, in one commit, and rank for each what may follow its own.

        What was read of a lost try is thrown away. After some lost tries the walk is taken without the network
        between load and commit: the events are kept unread, and are read afterwards, by us or by who walks next.
        Raises SessionConflict, with nothing applied, when that is lost again and again.
        """
        async for _ in tries(FULL_WALKS):
            begun = await self._loaded(listener_id, errands)
            heard = self._heard(predictor, begun, errands)
            read = await self._read_each(predictor, heard, errands)
            if await self._kept(read[-1][0], begun, heard, errands):
                befores = (begun, *(one.session for one in heard))
                return [
                    Walked(session, ranking, one.receipts, before=before)
                    for (session, ranking), one, before in zip(read, heard, befores, strict=False)
                ]
        async for _ in tries(MANY):
            begun = await self._loaded(listener_id, errands)
            heard = self._heard(predictor, begun, errands)
            if await self._kept(heard[-1].session, begun, heard, errands):
                read = await self._read_each(predictor, heard, errands)
                await self._kept(read[-1][0], heard[-1].session, (), errands)
                return [
                    Walked(session, ranking, one.receipts) for (session, ranking), one in zip(read, heard, strict=True)
                ]
        raise SessionConflict(
            f"Other requests for listener {listener_id!r} were faster {FULL_WALKS + MANY} times in a row. "
            "Nothing was applied; send the same events again."
        )

    async def _read_each(
        self, predictor: Predictor, heard: Sequence[TakenIn], errands: Sequence[Errand]
    ) -> Sequence[tuple[ListenerSession, Ranking]]:
        """Read and rank after each request's events, all in one step of the model."""
        asked = zip(heard, errands, strict=True)
        if len(errands) == 1:  # nearly always, and without a task of its own
            return [await self.read(predictor, one.session, errand.ask, errand.stopwatch) for one, errand in asked]
        # All of them end before a failure is passed on: none is left behind in the model's queue.
        read = await asyncio.gather(
            *(self.read(predictor, one.session, errand.ask, errand.stopwatch) for one, errand in asked),
            return_exceptions=True,
        )
        return [_sound(one) for one in read]

    async def read(
        self, predictor: Predictor, session: ListenerSession, ask: Ask, stopwatch: Stopwatch
    ) -> tuple[ListenerSession, Ranking]:
        """Let the network read what it has not read of a session, and rank; nothing is stored."""
        catalogue = predictor.catalogue
        hidden, unread = session.reading(predictor.checkpoint_id)
        excluded = exclusions(session, ask, catalogue, self._clock()) if ask.limit else NOTHING
        # A track that left the catalogue with a newer checkpoint is simply not read.
        request = StepRequest(
            hidden=hidden,
            tracks=tuple(catalogue.rows_of(unread)),
            recent=tuple(catalogue.rows_of(session.advancing)),
            excluded=excluded.rows,
            limit=ask.limit,
        )
        timed = await thinned_step(self._engine, predictor, request, ask.rules, excluded.taken)
        stopwatch.add("queue", timed.queue_us)
        stopwatch.add("step", timed.step_us)
        return session.remembering(timed.step.hidden), timed.step.ranking

    async def _loaded(self, listener_id: str, errands: Sequence[Errand]) -> ListenerSession:
        began = perf_counter()
        try:
            return await self._sessions.load(listener_id)
        finally:
            _note("load", began, errands)

    def _heard(self, predictor: Predictor, stored: ListenerSession, errands: Sequence[Errand]) -> list[TakenIn]:
        """Return what each request's events make of a stored session, after those before."""
        heard: list[TakenIn] = []
        for errand in errands:
            taken = take_in(
                heard[-1].session if heard else stored,
                errand.events,
                catalogue=predictor.catalogue,
                checkpoint_id=predictor.checkpoint_id,
                now=self._clock(),
                limits=self._limits,
            )
            heard.append(taken)
        return heard

    async def _kept(
        self, session: ListenerSession, stored: ListenerSession, heard: Iterable[TakenIn], errands: Sequence[Errand]
    ) -> bool:
        """Commit the session; tell whether nothing of the walk is lost."""
        if session == stored or session.is_new:
            return True  # nothing to keep: no event was taken in and the hidden state had read it all
        began = perf_counter()
        try:
            entries = tuple(chain.from_iterable(one.entries for one in heard))
            await self._sessions.commit(session, expected=stored, entries=entries)
        except SessionConflict:
            return session.seq == stored.seq  # only the cache was new: what was read is true, and lost to nobody
        finally:
            _note("commit", began, errands)
        return True


def _note(stage: str, began: float, errands: Sequence[Errand]) -> None:
    elapsed_us = int((perf_counter() - began) * 1e6)
    for errand in errands:
        errand.stopwatch.add(stage, elapsed_us)


def _sound(read: tuple[ListenerSession, Ranking] | BaseException) -> tuple[ListenerSession, Ranking]:
    if isinstance(read, BaseException):
        raise read
    return read
