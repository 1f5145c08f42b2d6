"""What is played is held against the ranking before it: as it was given, whoever gave it, and without a trace."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from math import log
from pathlib import Path
from time import monotonic, time

import pytest

from app.domain.events import EventKind
from app.domain.online import Arm
from app.domain.ranking import Ranking
from app.domain.recommendation import Ask, Recommendation
from app.serving.judging import Judge, trial_of
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.stores.exchange import Exchange
from app.stores.online_counts import OnlineCounts
from tests.serving.conftest import LIMITS, Worker, draft, event, opened, someone

pytestmark = pytest.mark.anyio


@pytest.fixture
def session_server(tmp_path: Path) -> Iterator[str]:
    """A server of one's own: checkpoints published within one second have one id in every test."""
    with EmbeddedServer(tmp_path / "sessions") as server:
        yield server.url


class Judged:
    """A worker whose answers are judged."""

    def __init__(self, worker: Worker, counts: OnlineCounts) -> None:
        self.worker = worker
        self._counts = counts

    async def hear(
        self, listener_id: str, row: int, kind: EventKind = EventKind.PLAYED, at: float | None = None
    ) -> Recommendation:
        return await self.worker.recommender.observe(listener_id, [event(listener_id, row, kind, at)], Ask(limit=50))

    async def until(self, enough: Callable[[Sequence[Arm]], bool], checkpoint_id: str | None = None) -> Sequence[Arm]:
        """Return the tallies of a checkpoint, of stable if left out, once there are enough."""
        one = checkpoint_id or self.worker.reloader.current.predictor.checkpoint_id
        deadline = monotonic() + 20
        while not enough(arms := await self._counts.arms(one)):
            assert monotonic() < deadline, arms
            await asyncio.sleep(0.05)
        return arms


@asynccontextmanager
async def judged(checkpoints: CheckpointStore, url: str) -> AsyncIterator[Judged]:
    counts = OnlineCounts(Exchange.connect(url, timeout_s=5.0))
    try:
        async with Judge(counts, LIMITS) as judge, opened(checkpoints, url, judge=judge) as worker:
            yield Judged(worker, counts)
    finally:
        await counts.aclose()


def row_of(answer: Recommendation, rank: int) -> int:
    return int(answer.tracks[rank - 1].track.track_id[1:])


def plays(arms: Sequence[Arm]) -> int:
    return sum(arm.total.plays for arm in arms)


async def test_the_track_stands_where_it_stood_in_the_answer(checkpoints: CheckpointStore, session_server: str) -> None:
    """Third, first and thirtieth, the last two as another worker is told: exact places, and exact log-loss."""
    ann = someone()
    async with judged(checkpoints, session_server) as one, judged(checkpoints, session_server) as other:
        answer, losses = await one.hear(ann, 1), 0.0
        for worker, rank in ((one, 3), (other, 1), (one, 30)):
            losses -= log(answer.tracks[rank - 1].probability)
            answer = await worker.hear(ann, row_of(answer, rank))
        [arm] = await one.until(lambda arms: plays(arms) == 3)
    total = arm.total
    assert (arm.label, arm.beside) == ("stable", "-")
    assert (total.plays, total.hits, total.offered, total.skipped) == (3, 2, 2, 0)
    assert total.reciprocal == pytest.approx(1 + 1 / 3, abs=1e-5)
    assert total.log_loss == pytest.approx(losses, abs=1e-3)


async def test_only_what_followed_a_ranking_is_judged(checkpoints: CheckpointStore, session_server: str) -> None:
    """Not the first track of a listening session, no repetition, no batch, no like, no end of what was played."""
    ann, now = someone(), time()
    async with judged(checkpoints, session_server) as one:
        recommender = one.worker.recommender
        await one.hear(ann, 1, at=now - 4000)
        await one.hear(ann, 2, at=now - 100)
        played = event(ann, 3)
        for _ in range(3):
            await recommender.observe(ann, [played], Ask(limit=1))
        await recommender.record([event(ann, 4), event(ann, 5)])
        await one.hear(ann, 5, EventKind.LIKED)
        await one.hear(ann, 5, EventKind.FINISHED)
        await one.hear(ann, 6)
        await one.until(lambda arms: plays(arms) == 2)
        await asyncio.sleep(1.2)
        await one.until(lambda arms: plays(arms) == 2)


async def test_skips_count_against_what_was_offered(checkpoints: CheckpointStore, session_server: str) -> None:
    """Played and then skipped, or skipped at once: each was offered once, and skipped once."""
    ann = someone()
    async with judged(checkpoints, session_server) as one:
        answer = await one.hear(ann, 1)
        await one.hear(ann, row_of(answer, 2))
        answer = await one.hear(ann, row_of(answer, 2), EventKind.SKIPPED)
        await one.hear(ann, row_of(answer, 1), EventKind.SKIPPED)
        [arm] = await one.until(lambda arms: sum(arm.total.skipped for arm in arms) == 2)
    assert (arm.total.plays, arm.total.offered, arm.total.skipped) == (1, 2, 2)


async def test_canary_and_shadow_are_judged_apart(checkpoints: CheckpointStore, session_server: str) -> None:
    """The shadow by everybody's plays; what it ranks is in no answer and in no session."""
    stable = str(checkpoints.labels().stable)
    canary, shadow = (checkpoints.publish(draft(seed)).checkpoint_id for seed in (2, 3))
    checkpoints.promote("canary", canary, traffic_percent=50)
    checkpoints.promote("shadow", shadow)
    listeners = [someone() for _ in range(16)]
    async with judged(checkpoints, session_server) as one:
        for row in (1, 2):
            for listener in listeners:
                assert (await one.hear(listener, row)).checkpoint_id in {stable, canary}
        on_canary = sum(one.worker.reloader.rollout.label_of(listener) == "canary" for listener in listeners)
        await one.until(lambda arms: plays(arms) == 16 - on_canary)
        # Each is counted as its own turn comes, so that none is complete because another is.
        told = {
            canary: await one.until(lambda arms: plays(arms) == on_canary, canary),
            shadow: await one.until(lambda arms: plays(arms) == 16, shadow),
        }
    assert [(arm.label, arm.beside, arm.total.plays) for arm in told[canary]] == [("canary", stable, on_canary)]
    assert {(arm.label, arm.beside, arm.total.plays) for arm in told[shadow]} == {
        ("shadow", stable, 16 - on_canary),
        ("shadow", canary, on_canary),
    }


async def test_beyond_what_may_wait_events_are_left_out(checkpoints: CheckpointStore, session_server: str) -> None:
    """Answers do not wait for it."""
    ann = someone()
    async with judged(checkpoints, session_server) as one:
        await one.hear(ann, 1)
        session = await one.worker.sessions.load(ann)
        heard = event(ann, 2)
        answer = await one.worker.recommender.observe(ann, [heard], Ask(limit=1))
        counts = OnlineCounts(Exchange.connect(session_server, timeout_s=5.0))
        missed: list[None] = []
        idle = Judge(counts, LIMITS, missed=lambda: missed.append(None))
        for _ in range(1000):
            idle.consider(one.worker.reloader.rollout, session, [heard], answer.receipts)
        assert len(missed) > 700
        await counts.aclose()


def test_below_the_ranking_all_tracks_share_what_is_left() -> None:
    ranking = Ranking((7, 3), (0.5, 0.3), pool_before=12, pool_after=11)
    assert trial_of(ranking, 3).place == 2
    assert trial_of(ranking, 3).log_loss == pytest.approx(-log(0.3))
    assert trial_of(ranking, 5).place is None
    assert trial_of(ranking, 5).log_loss == pytest.approx(-log(0.2 / 10))
