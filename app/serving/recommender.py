"""The walk of one event, and of many: load, advance, rank, commit, reply.

Every door (REST now, streams later) calls these methods. Knows nothing of HTTP, tensors or keys.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import time

import structlog

from app.domain.catalogue import Catalogue
from app.domain.event_log import LogEntry
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.playlist import Playlist, PlaylistAsk
from app.domain.policy import excluded_rows
from app.domain.ranking import Ranking, StepRequest
from app.domain.recommendation import Ask, EventReceipt, RankedTrack, Recommendation
from app.domain.session import ListenerSession, SessionLimits
from app.errors import SessionConflict, SessionStoreUnavailable, UnknownListener
from app.serving.engine import Engine, Predictor
from app.serving.naming import recommendation_id
from app.serving.playlists import PlaylistWalk
from app.serving.reloader import Reloader
from app.serving.turns import Turns
from app.stores.session_store import SessionStore
from app.telemetry import Stopwatch

log = structlog.get_logger(__name__)

STATE_UNAVAILABLE = "state_unavailable"
# Only other workers can win a commit against us: within one worker a listener's events take turns. Losing this many
# times in a row with eight workers is a chance of about one in 10^9 (the jitter makes the tries independent).
MAX_TRIES = 64


@dataclass(frozen=True, slots=True)
class Walked:
    """What one walk over a listener's session came to, and whether it was committed."""

    session: ListenerSession
    ranking: Ranking
    receipts: tuple[EventReceipt, ...]
    degraded: tuple[str, ...] = ()


class Recommender:
    """Takes in events and answers what may follow them."""

    def __init__(self, reloader: Reloader, engine: Engine, sessions: SessionStore, limits: SessionLimits) -> None:
        self._reloader = reloader
        self._engine = engine
        self._sessions = sessions
        self._limits = limits
        self._turns = Turns()

    async def observe(self, listener_id: str, events: Sequence[ListenerEvent], ask: Ask) -> Recommendation:
        """Take in one listener's events, in order, and rank what may follow them.

        Answers even when the session store does not: from `ask.recent` and the events alone, marked degraded, with
        the events' receipts saying that they were not stored.
        """
        predictor = self._reloader.current.predictor
        stopwatch = Stopwatch()
        try:
            async with self._turns.of(listener_id):
                walked = await self._walk(predictor, listener_id, events, ask, stopwatch)
        except SessionStoreUnavailable as failure:
            walked = await self._walk_without_store(predictor, listener_id, events, ask, failure, stopwatch)
        return _recommendation(predictor, listener_id, walked, ask, stopwatch)

    async def recommend(self, ask: Ask) -> Recommendation:
        """Rank what may follow `ask.recent`, for a caller who keeps the listening; nothing is stored."""
        predictor = self._reloader.current.predictor
        stopwatch = Stopwatch()
        session = _session_of(ask.recent, "", predictor.catalogue, self._limits)
        session, ranking = await self._step(predictor, session, ask, stopwatch)
        return _recommendation(predictor, None, Walked(session, ranking, ()), ask, stopwatch)

    async def record(self, events: Sequence[ListenerEvent]) -> list[EventReceipt]:
        """Take in events of many listeners; each listener's are applied in the order given, in one commit.

        Raises SessionStoreUnavailable when the session store does not answer; a retry of the same events is safe,
        their ids keep them from being applied twice.
        """
        predictor = self._reloader.current.predictor
        by_listener: dict[str, list[ListenerEvent]] = {}
        for event in events:
            by_listener.setdefault(event.listener_id, []).append(event)

        async def observe_one(listener_id: str, own: list[ListenerEvent]) -> Walked:
            async with self._turns.of(listener_id):
                return await self._walk(predictor, listener_id, own, Ask(limit=0), Stopwatch())

        walks = [observe_one(listener_id, own) for listener_id, own in by_listener.items()]
        # All of them run to their end before a failure is passed on: none is cut off between step and commit.
        walked = await asyncio.gather(*walks, return_exceptions=True)
        for result in walked:
            if isinstance(result, BaseException):
                raise result
        receipts = {
            listener_id: iter(result.receipts)
            for listener_id, result in zip(by_listener, walked, strict=True)
            if isinstance(result, Walked)
        }
        return [next(receipts[event.listener_id]) for event in events]

    async def playlist(self, ask: PlaylistAsk) -> Playlist:
        """Play `ask.length` tracks ahead of the seeds or of a listener's session; the session is not changed."""
        predictor = self._reloader.current.predictor
        degraded: tuple[str, ...] = ()
        session = ListenerSession(ask.listener_id or "")
        if ask.listener_id is not None:
            try:
                session = await self._sessions.load(ask.listener_id)
            except SessionStoreUnavailable:
                degraded = (STATE_UNAVAILABLE,)
        return await PlaylistWalk(self._engine, predictor, self._limits).walk(session, ask, degraded)

    async def listener(self, listener_id: str) -> ListenerSession:
        """Return what is remembered of a listener. Raises UnknownListener when that is nothing."""
        session = await self._sessions.load(listener_id)
        if session.is_new:
            raise UnknownListener(f"Nothing is remembered of listener {listener_id!r}: no event came or it expired.")
        return session

    async def forget(self, listener_id: str) -> bool:
        """Delete what is remembered of a listener; tell whether there was anything."""
        async with self._turns.of(listener_id):
            return await self._sessions.delete(listener_id)

    async def _walk(
        self,
        predictor: Predictor,
        listener_id: str,
        events: Sequence[ListenerEvent],
        ask: Ask,
        stopwatch: Stopwatch,
    ) -> Walked:
        """Walk once per try until nobody else was faster; what was read of a lost try is thrown away."""
        for _ in range(MAX_TRIES):
            with stopwatch.stage("load"):
                stored = await self._sessions.load(listener_id)
            heard, receipts, entries = _taking_in(stored, events, predictor, self._limits)
            remembered, ranking = await self._step(predictor, heard, ask, stopwatch)
            walked = Walked(remembered, ranking, receipts)
            if remembered == stored or remembered.is_new:
                return walked  # nothing to keep: no event was taken in and the hidden state had read it all
            try:
                with stopwatch.stage("commit"):
                    await self._sessions.commit(remembered, expected=stored, entries=entries)
            except SessionConflict:
                await asyncio.sleep(random.uniform(0.0, 0.005))
                continue
            return walked
        raise SessionConflict(
            f"Other requests for listener {listener_id!r} were faster {MAX_TRIES} times in a row. "
            "Nothing was applied; send the same events again."
        )

    async def _walk_without_store(
        self,
        predictor: Predictor,
        listener_id: str,
        events: Sequence[ListenerEvent],
        ask: Ask,
        failure: SessionStoreUnavailable,
        stopwatch: Stopwatch,
    ) -> Walked:
        """Answer from what the request carries, and promise nothing about its events."""
        log.warning("answering_without_session_store", reason=str(failure))
        session = _session_of(ask.recent, listener_id, predictor.catalogue, self._limits)
        heard, _, _ = _taking_in(session, events, predictor, self._limits)
        remembered, ranking = await self._step(predictor, heard, ask, stopwatch)
        detail = "The session store did not confirm this event. Send it again with the same event_id."
        receipts = tuple(EventReceipt(event.event_id, listener_id, Outcome.REJECTED, 0, detail) for event in events)
        return Walked(remembered, ranking, receipts, (STATE_UNAVAILABLE,))

    async def _step(
        self, predictor: Predictor, session: ListenerSession, ask: Ask, stopwatch: Stopwatch
    ) -> tuple[ListenerSession, Ranking]:
        """Let the network read what it has not read yet, and rank."""
        hidden, unread = session.reading(predictor.checkpoint_id)
        excluded = excluded_rows(session, ask, predictor.catalogue, time()) if ask.limit else frozenset()
        request = StepRequest(
            hidden=hidden,
            tracks=_rows(unread, predictor.catalogue),
            recent=_rows(session.advancing, predictor.catalogue),
            excluded=excluded,
            limit=ask.limit,
        )
        timed = await self._engine.step(predictor, request)
        stopwatch.add("queue", timed.queue_us)
        stopwatch.add("step", timed.step_us)
        return session.remembering(timed.step.hidden), timed.step.ranking


def _taking_in(
    session: ListenerSession, events: Sequence[ListenerEvent], predictor: Predictor, limits: SessionLimits
) -> tuple[ListenerSession, tuple[EventReceipt, ...], tuple[LogEntry, ...]]:
    """Return the session after the events, what became of each, and what is to be written down of them."""
    receipts, entries = [], []
    now = time()
    for event in events:
        known = predictor.catalogue.index_of(event.track_id) is not None
        session, outcome = session.after(event, known=known, now=now, limits=limits)
        receipt = EventReceipt(event.event_id, event.listener_id, outcome, session.seq)
        receipts.append(receipt)
        if (entry := LogEntry.of(session, event, receipt, predictor.checkpoint_id)) is not None:
            entries.append(entry)
    return session, tuple(receipts), tuple(entries)


def _session_of(
    recent: Sequence[str], listener_id: str, catalogue: Catalogue, limits: SessionLimits
) -> ListenerSession:
    """Build a session that nobody stores from the tracks a caller says were heard."""
    session = ListenerSession(listener_id)
    now = time()
    for position, track_id in enumerate(recent):
        event = ListenerEvent(str(position), listener_id, EventKind.PLAYED, track_id, now)
        known = catalogue.index_of(track_id) is not None
        session, _ = session.after(event, known=known, now=now, limits=limits)
    return session


def _rows(track_ids: Sequence[str], catalogue: Catalogue) -> tuple[int, ...]:
    # A track that left the catalogue with a newer checkpoint is simply not read.
    rows = (catalogue.index_of(track_id) for track_id in track_ids)
    return tuple(row for row in rows if row is not None)


def _recommendation(
    predictor: Predictor, listener_id: str | None, walked: Walked, ask: Ask, stopwatch: Stopwatch
) -> Recommendation:
    ranked = tuple(
        RankedTrack(rank, predictor.catalogue[row], probability)
        for rank, (row, probability) in enumerate(
            zip(walked.ranking.tracks, walked.ranking.probabilities, strict=True), start=1
        )
    )
    unknown = {event.track_id for event in walked.session.current} | set(ask.recent)
    return Recommendation(
        recommendation_id=recommendation_id(predictor.checkpoint_id, walked.session, ask),
        listener_id=listener_id,
        checkpoint_id=predictor.checkpoint_id,
        seq=walked.session.seq if listener_id is not None and not walked.degraded else 0,
        tracks=ranked,
        receipts=walked.receipts,
        unknown_tracks=tuple(sorted(track for track in unknown if predictor.catalogue.index_of(track) is None)),
        pool_before=walked.ranking.pool_before,
        pool_after=walked.ranking.pool_after,
        degraded=walked.degraded,
        stage_us=stopwatch.stages_us,
    )
