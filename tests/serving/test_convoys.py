"""One listener's requests go together: each has the answer it would have had alone, in the order of asking."""

import asyncio
from collections.abc import Sequence

import pytest

from app.domain.event_log import LogEntry
from app.domain.events import Outcome
from app.domain.recommendation import Ask
from app.domain.session import ListenerSession
from app.errors import SessionStoreUnavailable
from app.serving.recommender import STATE_UNAVAILABLE, Recommender
from app.serving.walks import Errand
from app.stores.checkpoints import CheckpointStore
from app.stores.session_store import SessionStore
from app.telemetry import Stopwatch
from tests.serving.conftest import Worker, draft, event, opened, replayed, someone

pytestmark = pytest.mark.anyio


class CountingStore(SessionStore):
    """The real store; it counts loads and commits, and fails those it is told to."""

    loads = 0
    commits = 0
    fails_at: int | None = None

    async def load(self, listener_id: str) -> ListenerSession:
        self.loads += 1
        return await super().load(listener_id)

    async def commit(
        self, session: ListenerSession, *, expected: ListenerSession, entries: Sequence[LogEntry] = ()
    ) -> None:
        self.commits += 1
        if self.commits == self.fails_at:
            raise SessionStoreUnavailable("it went away just now", retry_after_s=1)
        await super().commit(session, expected=expected, entries=entries)


def convoys_of(recommender: Recommender) -> int:
    return len(recommender._convoys)


def counting(worker: Worker) -> CountingStore:
    assert isinstance(worker.sessions, CountingStore)
    return worker.sessions


async def test_who_comes_meanwhile_goes_in_one_walk(checkpoints: CheckpointStore, session_server: str) -> None:
    """Twelve events at once: the first alone, all others in one load and one commit."""
    ann = someone()
    async with opened(checkpoints, session_server, store=CountingStore) as worker:
        plays = [event(ann, row) for row in range(12)]
        answers = await asyncio.gather(*(worker.recommender.observe(ann, [play], Ask(limit=5)) for play in plays))
        store = counting(worker)
        assert (store.loads, store.commits, convoys_of(worker.recommender)) == (2, 2, 0)
        session = await worker.listeners.show(ann)
    assert [answer.seq for answer in answers] == list(range(1, 13))
    assert session.hidden == replayed(checkpoints, session)
    assert [heard.track_id for heard in session.recent] == [play.track_id for play in plays]


async def test_each_answer_is_the_one_it_would_have_had_alone(worker: Worker) -> None:
    """With events, without, with several, and one that comes twice: the tracks of one request after the other."""
    together, alone = someone(), someone()
    played = {
        listener_id: [[event(listener_id, row) for row in rows] for rows in ([1], [], [2, 3], [4], [4], [])]
        for listener_id in (together, alone)
    }
    for own in played.values():
        own[4] = own[3]
    one_by_one = [await worker.recommender.observe(alone, events, Ask(limit=7)) for events in played[alone]]
    at_once = await asyncio.gather(
        *(worker.recommender.observe(together, events, Ask(limit=7)) for events in played[together])
    )
    for answer, expected in zip(at_once, one_by_one, strict=True):
        assert [one.track for one in answer.tracks] == [one.track for one in expected.tracks]
        assert [one.probability for one in answer.tracks] == pytest.approx(
            [one.probability for one in expected.tracks], rel=1e-5
        )
        assert answer.seq == expected.seq
        assert [one.outcome for one in answer.receipts] == [one.outcome for one in expected.receipts]
    assert at_once[4].receipts[0].outcome is Outcome.DUPLICATE


async def test_who_leaves_takes_nothing_from_the_others(worker: Worker) -> None:
    """A caller who hangs up before the convoy sets out is left behind; the others have their answers."""
    ann = someone()
    asked = [asyncio.create_task(worker.recommender.observe(ann, [event(ann, row)], Ask(limit=3))) for row in range(4)]
    await asyncio.sleep(0)
    asked[2].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[2], asyncio.CancelledError)
    session = await worker.listeners.show(ann)
    assert [heard.track_id for heard in session.recent] == ["t0", "t1", "t3"]


async def test_the_first_one_leaving_holds_nobody_up(worker: Worker) -> None:
    """Whatever became of the first request, those who waited for it set out."""
    ann = someone()
    asked = [asyncio.create_task(worker.recommender.observe(ann, [event(ann, row)], Ask(limit=3))) for row in range(3)]
    await asyncio.sleep(0)
    asked[0].cancel()
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*asked[1:])
    assert [answer.receipts[0].outcome for answer in answers] == [Outcome.APPLIED] * 2
    assert convoys_of(worker.recommender) == 0


async def test_what_befalls_the_store_is_told_to_all_who_went(
    checkpoints: CheckpointStore, session_server: str
) -> None:
    """Each answers without it, nothing is acknowledged, and the same events are taken in when they come again."""
    ann = someone()
    async with opened(checkpoints, session_server, store=CountingStore) as worker:
        counting(worker).fails_at = 2
        plays = [event(ann, row) for row in range(4)]
        answers = await asyncio.gather(*(worker.recommender.observe(ann, [play], Ask(limit=3)) for play in plays))
        assert [answer.degraded for answer in answers] == [(), *[(STATE_UNAVAILABLE,)] * 3]
        assert [len(answer.tracks) for answer in answers] == [3] * 4
        again = [await worker.recommender.observe(ann, [play], Ask(limit=3)) for play in plays]
    outcomes = [answer.receipts[0].outcome for answer in again]
    assert outcomes == [Outcome.DUPLICATE, *[Outcome.APPLIED] * 3]


async def test_one_convoy_is_of_one_checkpoint(worker: Worker, checkpoints: CheckpointStore) -> None:
    """Each request is answered by the checkpoint that served when it came, whoever waits beside it."""
    ann = someone()
    old, new = (checkpoints.load(checkpoints.publish(draft(seed)).checkpoint_id) for seed in (2, 3))
    convoys = worker.recommender._convoys
    errands = [Errand([event(ann, row)], Ask(limit=3), Stopwatch()) for row in range(6)]
    served = (old, old, new, old, new, new)
    walked = await asyncio.gather(
        *(convoys.walk(predictor, ann, errand) for predictor, errand in zip(served, errands, strict=True))
    )
    assert [one.session.seq for one in walked] == list(range(1, 7))
    stamps = [one.session.hidden.checkpoint_id for one in walked if one.session.hidden]
    assert stamps == [predictor.checkpoint_id for predictor in served]
    session = await worker.listeners.show(ann)
    assert session.hidden == replayed(checkpoints, session)
    assert all("step" in errand.stopwatch.stages_us for errand in errands)
