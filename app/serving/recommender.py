"""What every door asks of listening: take in events, say what may follow, play ahead.

Every door (REST, server-sent events, WebSocket) calls these methods. Knows nothing of HTTP, tensors or keys.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from time import time

import structlog

from app.domain.events import ListenerEvent, Outcome
from app.domain.playlist import Playlist, PlaylistAsk
from app.domain.policy import shortfall
from app.domain.recommendation import Ask, EventReceipt, RankedTrack, Reason, Recommendation
from app.domain.session import ListenerSession, SessionLimits
from app.domain.taking_in import TakenIn, session_of, take_in
from app.errors import SessionStoreUnavailable
from app.serving.convoys import Convoys
from app.serving.engine import Engine, Predictor
from app.serving.judging import Judge
from app.serving.naming import recommendation_id
from app.serving.playlists import PlaylistWalk
from app.serving.reasoning import Listening, reasons_of
from app.serving.reloader import Reloader
from app.serving.rollout import Rollout
from app.serving.turns import Turns
from app.serving.walks import Errand, Walked, Walks
from app.stores.session_store import SessionStore
from app.telemetry import Stopwatch

log = structlog.get_logger(__name__)

STATE_UNAVAILABLE = "state_unavailable"
NOT_CONFIRMED = "The session store did not confirm this event. Send it again with the same event_id."
NOT_STORED = "Used for this answer only and not stored: consent is false."
# One request of a thousand listeners must not fill the queue of the model thread by itself.
RECORDED_AT_ONCE = 64


class Recommender:
    """Takes in events and answers what may follow them. `clock` tells the time, in seconds since 1970."""

    def __init__(
        self,
        reloader: Reloader,
        engine: Engine,
        sessions: SessionStore,
        limits: SessionLimits,
        turns: Turns,
        clock: Callable[[], float] = time,
        judge: Judge | None = None,
    ) -> None:
        self._reloader = reloader
        self._engine = engine
        self._sessions = sessions
        self._limits = limits
        self._clock = clock
        self._walks = Walks(engine, sessions, limits, clock)
        self._convoys = Convoys(self._walks, engine, turns)
        self._judge = judge

    async def observe(self, listener_id: str, events: Sequence[ListenerEvent], ask: Ask) -> Recommendation:
        """Take in one listener's events, in order, and rank what may follow them.

        Answers even when the session store does not: from `ask.recent` and the events alone, marked degraded, with
        the events' receipts saying that they were not stored.
        """
        rollout = self._reloader.rollout
        predictor = rollout.served_to(listener_id).predictor
        stopwatch = Stopwatch()
        try:
            walked = await self._convoys.walk(predictor, listener_id, Errand(events, ask, stopwatch))
        except SessionStoreUnavailable as failure:
            log.warning("answering_without_session_store", reason=str(failure))
            heard = self._carried(predictor, listener_id, events, ask)
            session, ranking = await self._walks.read(predictor, heard.session, ask, stopwatch)
            receipts = tuple(
                EventReceipt(event.event_id, listener_id, Outcome.REJECTED, 0, NOT_CONFIRMED) for event in events
            )
            walked = Walked(session, ranking, receipts, (STATE_UNAVAILABLE,))
        self._judged(rollout, walked, events)
        reasons = await self._reasons(predictor, walked, ask)
        return _recommendation(predictor, listener_id, walked, ask, stopwatch, reasons)

    async def recommend(self, ask: Ask, events: Sequence[ListenerEvent] = ()) -> Recommendation:
        """Rank what may follow `ask.recent` and then the events, for a caller who keeps the listening.

        Nothing is read from the session store and nothing is written to it.
        """
        predictor = self._reloader.current.predictor
        stopwatch = Stopwatch()
        heard = self._carried(predictor, "", events, ask)
        session, ranking = await self._walks.read(predictor, heard.session, ask, stopwatch)
        receipts = tuple(
            EventReceipt(receipt.event_id, receipt.listener_id, receipt.outcome, 0, NOT_STORED)
            for receipt in heard.receipts
        )
        walked = Walked(session, ranking, receipts)
        reasons = await self._reasons(predictor, walked, ask)
        return _recommendation(predictor, None, walked, ask, stopwatch, reasons)

    async def record(self, events: Sequence[ListenerEvent]) -> list[EventReceipt]:
        """Take in events of many listeners; each listener's are applied in the order given, in one commit.

        Raises SessionStoreUnavailable when the session store does not answer; a retry of the same events is safe,
        their ids keep them from being applied twice.
        """
        rollout = self._reloader.rollout
        by_listener: dict[str, list[ListenerEvent]] = {}
        for event in events:
            by_listener.setdefault(event.listener_id, []).append(event)
        room = asyncio.Semaphore(RECORDED_AT_ONCE)

        async def observe_one(listener_id: str, own: list[ListenerEvent]) -> Walked:
            async with room:
                predictor = rollout.served_to(listener_id).predictor
                errand = Errand(own, Ask(limit=0), Stopwatch())
                walked = await self._convoys.walk(predictor, listener_id, errand)
            self._judged(rollout, walked, own)
            return walked

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
        predictor = self._reloader.rollout.served_to(ask.listener_id).predictor
        degraded: tuple[str, ...] = ()
        session = ListenerSession(ask.listener_id or "")
        if ask.listener_id is not None:
            try:
                session = await self._sessions.load(ask.listener_id)
            except SessionStoreUnavailable:
                degraded = (STATE_UNAVAILABLE,)
        return await PlaylistWalk(self._engine, predictor, self._limits, self._clock).walk(session, ask, degraded)

    async def _reasons(self, predictor: Predictor, walked: Walked, ask: Ask) -> tuple[tuple[Reason, ...], ...]:
        if not ask.reasons:
            return ()
        listening = Listening.of(walked.session, predictor.catalogue)
        suggested = dict(zip(walked.ranking.tracks, walked.ranking.probabilities, strict=True))
        return await reasons_of(self._engine, predictor, listening, suggested)

    def _judged(self, rollout: Rollout, walked: Walked, events: Sequence[ListenerEvent]) -> None:
        if self._judge is not None and walked.before is not None and events:
            self._judge.consider(rollout, walked.before, events, walked.receipts)

    def _carried(self, predictor: Predictor, listener_id: str, events: Sequence[ListenerEvent], ask: Ask) -> TakenIn:
        """Return the session that a request carries by itself: what it says was heard, and its events."""
        now = self._clock()
        session = session_of(ask.recent, listener_id, catalogue=predictor.catalogue, now=now, limits=self._limits)
        return take_in(
            session,
            events,
            catalogue=predictor.catalogue,
            checkpoint_id=predictor.checkpoint_id,
            now=now,
            limits=self._limits,
        )


def _recommendation(
    predictor: Predictor,
    listener_id: str | None,
    walked: Walked,
    ask: Ask,
    stopwatch: Stopwatch,
    reasons: tuple[tuple[Reason, ...], ...],
) -> Recommendation:
    catalogue, ranking = predictor.catalogue, walked.ranking
    ranked = tuple(map(RankedTrack, count(1), map(catalogue.__getitem__, ranking.tracks), ranking.probabilities))
    unknown = {event.track_id for event in walked.session.current} | set(ask.recent)
    return Recommendation(
        recommendation_id=recommendation_id(predictor.checkpoint_id, walked.session, ask),
        listener_id=listener_id,
        checkpoint_id=predictor.checkpoint_id,
        seq=walked.session.seq if listener_id is not None and not walked.degraded else 0,
        tracks=ranked,
        receipts=walked.receipts,
        unknown_tracks=tuple(catalogue.unknown_among(unknown)),
        pool_before=walked.ranking.pool_before,
        pool_after=walked.ranking.pool_after,
        degraded=walked.degraded,
        stage_us=stopwatch.stages_us,
        taken=ranking.taken,
        shortfall=shortfall(len(ranked), ask.limit, catalogue, ranking.taken),
        reasons=reasons,
    )
