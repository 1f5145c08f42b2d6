"""One listener's walk: load, take in, let the network read, rank, commit; and again when somebody else was faster.

Knows nothing of which checkpoint serves, and of what is done when the session store is away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.domain.event_log import LogEntry
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
FULL_WALKS = 4


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
        events: Sequence[ListenerEvent],
        ask: Ask,
        stopwatch: Stopwatch,
        stored: ListenerSession | None = None,
    ) -> Walked:
        """Take in one listener's events, in one commit, and rank what may follow them.

        `stored` is the session where it is known; the first try need not load it.
        What was read of a lost try is thrown away. After some lost tries the walk is taken without the network
        between load and commit: the events are kept unread, and are read afterwards, by us or by who walks next.
        Raises SessionConflict, with nothing applied, when that is lost again and again.
        """
        async for _ in tries(FULL_WALKS):
            begun = stored or await self._loaded(listener_id, stopwatch)
            heard, stored = self._heard(predictor, begun, events), None
            read, ranking = await self.read(predictor, heard.session, ask, stopwatch)
            if await self._kept(read, begun, heard.entries, stopwatch):
                return Walked(read, ranking, heard.receipts, before=begun)
        async for _ in tries(MANY):
            begun = await self._loaded(listener_id, stopwatch)
            heard = self._heard(predictor, begun, events)
            if await self._kept(heard.session, begun, heard.entries, stopwatch):
                read, ranking = await self.read(predictor, heard.session, ask, stopwatch)
                await self._kept(read, heard.session, (), stopwatch)
                return Walked(read, ranking, heard.receipts)
        raise SessionConflict(
            f"Other requests for listener {listener_id!r} were faster {FULL_WALKS + MANY} times in a row. "
            "Nothing was applied; send the same events again."
        )

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

    async def _loaded(self, listener_id: str, stopwatch: Stopwatch) -> ListenerSession:
        with stopwatch.stage("load"):
            return await self._sessions.load(listener_id)

    def _heard(self, predictor: Predictor, stored: ListenerSession, events: Sequence[ListenerEvent]) -> TakenIn:
        """Return what the events make of a stored session."""
        return take_in(
            stored,
            events,
            catalogue=predictor.catalogue,
            checkpoint_id=predictor.checkpoint_id,
            now=self._clock(),
            limits=self._limits,
        )

    async def _kept(
        self,
        session: ListenerSession,
        stored: ListenerSession,
        entries: Sequence[LogEntry],
        stopwatch: Stopwatch,
    ) -> bool:
        """Commit the session; tell whether nothing of the walk is lost."""
        if session == stored or session.is_new:
            return True  # nothing to keep: no event was taken in and the hidden state had read it all
        try:
            with stopwatch.stage("commit"):
                await self._sessions.commit(session, expected=stored, entries=entries)
        except SessionConflict:
            return session.seq == stored.seq  # only the cache was new: what was read is true, and lost to nobody
        return True
