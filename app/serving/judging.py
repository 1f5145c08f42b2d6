"""Judges what serves, and the shadow, by what is played next: off the road of any answer, and never in its way.

The ranking before an event is made once more from the session as it was stored: so it does not matter which worker
gave it, nor whether anybody asked for one, and a session carries nothing for it. One thread works a tenth of the
time at most; what it does not manage is left out, the same for every label. Knows nothing of HTTP.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter, time

import structlog

from app.domain.catalogue import Catalogue
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.online import Tally, Trial, bucket_of
from app.domain.policy import excluded_rows
from app.domain.ranking import Ranking, StepRequest
from app.domain.recommendation import Ask, EventReceipt
from app.domain.session import ListenerSession, SessionLimits
from app.errors import SegueError
from app.rnn.predictor import Predictor
from app.serving.rollout import Rollout
from app.stores.online_counts import OnlineCounts, Place

DEPTH = 100
WAITING = 256
AT_ONCE = 4  # few: whoever waits for the interpreter lock meanwhile is an answer
REST = 9.0  # seconds of rest for each second of work
FLUSH_S = 1.0
UNLIKELIEST = 1e-9

Told = Callable[[str, Tally], None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Case:
    """One event to be judged: by which checkpoint under which label, and the session before it."""

    place: Place
    predictor: Predictor
    session: ListenerSession
    event: ListenerEvent


class Judge:
    """Takes in events as they are answered. Use it as an async context manager.

    `told` hears of every tally, `missed` of each event that is left out.
    """

    def __init__(
        self,
        counts: OnlineCounts,
        limits: SessionLimits,
        *,
        told: Told = lambda _label, _tally: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        self._counts = counts
        self._limits = limits
        self._told = told
        self._missed = missed
        self._waiting: deque[_Case] = deque()
        self._arrived = asyncio.Event()
        self._unsent: dict[Place, Tally] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Judge":
        self._tasks = [
            asyncio.create_task(self._work(), name="judge"),
            asyncio.create_task(self._flush_again(), name="judge-flush"),
        ]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)
        await self._flush()

    def consider(
        self,
        rollout: Rollout,
        before: ListenerSession,
        events: Sequence[ListenerEvent],
        receipts: Sequence[EventReceipt],
    ) -> None:
        """Judge by a listener's one event, if it says anything; costs a few microseconds.

        Several events at once were not each played after a ranking; the first track of a listening session follows
        nothing.
        """
        if len(events) != 1 or receipts[0].outcome is not Outcome.APPLIED:
            return
        [event] = events
        session = before.resumed(event.at, self._limits)
        if not session.current or event.kind not in (EventKind.PLAYED, EventKind.FINISHED, EventKind.SKIPPED):
            return
        if len(self._waiting) >= WAITING - 1:
            self._missed()
            return
        label, served, bucket = (
            rollout.label_of(event.listener_id),
            rollout.served_to(event.listener_id),
            bucket_of(event.listener_id),
        )
        other = rollout.stable if label == "canary" else rollout.canary
        beside = other.predictor.checkpoint_id if other else "-"
        predictor = served.predictor
        self._waiting.append(_Case((predictor.checkpoint_id, label, beside, bucket), predictor, session, event))
        if rollout.shadow is not None:
            predictor, answered = rollout.shadow.predictor, served.predictor.checkpoint_id
            place = (predictor.checkpoint_id, "shadow", answered, bucket)
            self._waiting.append(_Case(place, predictor, session, event))
        self._arrived.set()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            cases = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            began = perf_counter()
            try:
                tried = await loop.run_in_executor(self._thread, _tried, cases, time())
            except Exception:  # whatever it was: these cases are lost to the figures, the judge goes on
                log.exception("judging_failed", cases=len(cases))
                tried = []
            for place, trial in tried:
                self._unsent[place] = self._unsent.get(place, Tally()) + trial.tally
                self._told(place[1], trial.tally)
            if not self._waiting:
                self._arrived.clear()
            await asyncio.sleep((perf_counter() - began) * REST)

    async def _flush_again(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self._flush()

    async def _flush(self) -> None:
        unsent, self._unsent = self._unsent, {}
        if not unsent:
            return
        try:
            await self._counts.add(unsent)
        except SegueError as failure:
            log.warning("tallies_lost", reason=str(failure), plays=sum(tally.plays for tally in unsent.values()))


def _tried(cases: Sequence[_Case], now: float) -> list[tuple[Place, Trial]]:
    """Rank what might have followed each session, and look where the track stands that did."""
    by_predictor: dict[int, list[tuple[_Case, StepRequest, int]]] = {}
    for case in cases:
        request, row = _request(case, now)
        if row is not None:
            by_predictor.setdefault(id(case.predictor), []).append((case, request, row))
    tried = []
    for asked in by_predictor.values():
        steps = asked[0][0].predictor.step([request for _, request, _ in asked])
        for (case, _, row), step in zip(asked, steps, strict=True):
            skipped = case.event.kind is EventKind.SKIPPED
            trial = trial_of(step.ranking, row, skipped=skipped, was_offered=not (skipped and _was_played(case)))
            tried.append((case.place, trial))
    return tried


def trial_of(ranking: Ranking, row: int, *, skipped: bool = False, was_offered: bool = True) -> Trial:
    """Return where a row stands in a ranking, and what that cost.

    Below the ranking all rows share what probability is left: the log-loss of the coarser distribution, which is a
    proper score as well.
    """
    if row in ranking.tracks:
        place = list(ranking.tracks).index(row)
        return Trial(place + 1, -math.log(max(ranking.probabilities[place], UNLIKELIEST)), skipped, was_offered)
    left = max(1 - sum(ranking.probabilities), 0.0) / max(ranking.pool_before - len(ranking.tracks), 1)
    return Trial(None, -math.log(max(left, UNLIKELIEST)), skipped, was_offered)


def _request(case: _Case, now: float) -> tuple[StepRequest, int | None]:
    """Return what ranks before the event, and the row of its track, None where it says nothing of a ranking."""
    session, catalogue, event = case.session, case.predictor.catalogue, case.event
    row = catalogue.index_of(event.track_id)
    advancing, excluded = session.advancing, excluded_rows(session, Ask(limit=DEPTH), catalogue, now)
    hidden, unread = session.reading(case.predictor.checkpoint_id)
    if _was_played(case):
        if event.kind is not EventKind.SKIPPED:
            row = None  # the end of a track whose beginning was judged
        # A skip of what was just played: as it was before the play.
        advancing, hidden, unread = advancing[:-1], None, advancing[:-1]
        excluded -= {row}
    heard = _rows(advancing, catalogue)
    return StepRequest(hidden, _rows(unread, catalogue), heard, excluded, DEPTH), row if advancing else None


def _was_played(case: _Case) -> bool:
    return case.event.kind is not EventKind.PLAYED and case.session.advancing[-1:] == (case.event.track_id,)


def _rows(track_ids: Sequence[str], catalogue: Catalogue) -> tuple[int, ...]:
    rows = (catalogue.index_of(track_id) for track_id in track_ids)
    return tuple(row for row in rows if row is not None)
