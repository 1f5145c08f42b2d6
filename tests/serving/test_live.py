"""Open streams over the real walk: two workers over one session store."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.domain.events import EventKind
from app.domain.recommendation import Ask, Recommendation
from app.serving.live import Live
from app.serving.live_stream import UPDATES_UNAVAILABLE, Bye, LiveStream, ModelChanged, Told
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import find_server
from app.stores.live import Notices
from tests.ports import free_port
from tests.serving.conftest import Worker, draft, event, opened, someone
from tests.stores.conftest import running

pytestmark = pytest.mark.anyio

ASK = Ask(limit=5)


@dataclass(frozen=True)
class Station:
    """A worker with its open streams."""

    worker: Worker
    live: Live


@asynccontextmanager
async def station(checkpoints: CheckpointStore, url: str) -> AsyncIterator[Station]:
    """Open a worker whose streams hear of changes."""
    async with (
        opened(checkpoints, url) as worker,
        Notices.connect(url, timeout_s=5.0) as notices,
        Live(worker.recommender, notices) as live,
    ):
        notices.tell(live)
        worker.reloader.on_swap = live.swapped
        async with asyncio.timeout(10):
            while live.is_away:
                await asyncio.sleep(0.01)
        yield Station(worker, live)


@pytest.fixture
async def here(checkpoints: CheckpointStore, session_server: str) -> AsyncIterator[Station]:
    """The worker with the streams."""
    async with station(checkpoints, session_server) as one:
        yield one


@pytest.fixture
async def there(checkpoints: CheckpointStore, session_server: str) -> AsyncIterator[Station]:
    """Another worker."""
    async with station(checkpoints, session_server) as another:
        yield another


async def upcoming(stream: LiveStream) -> tuple[Told, ...]:
    told = await stream.upcoming(10)
    assert told, "nothing was told"
    return told


async def ranking(stream: LiveStream) -> Recommendation:
    [told] = await upcoming(stream)
    assert isinstance(told, Recommendation)
    return told


async def nothing(stream: LiveStream) -> bool:
    return await stream.upcoming(0.3) == ()


async def test_an_event_at_any_worker_reaches_the_streams_at_every_worker(here: Station, there: Station) -> None:
    """Each ranks for itself what the other answered; a stream of another listener hears nothing."""
    ann, bob = someone(), someone()
    with here.live.open(ann, ASK) as near, there.live.open(ann, ASK) as far, here.live.open(bob, ASK) as other:
        for stream in (near, far, other):
            assert (await ranking(stream)).seq == 0
        answer = await there.worker.recommender.observe(ann, [event(ann, 1)], ASK)
        for stream in (near, far):
            told = await ranking(stream)
            assert (told.recommendation_id, told.tracks) == (answer.recommendation_id, answer.tracks)
            assert told.receipts == ()
        await here.worker.recommender.record([event(ann, 2), event(ann, 3)])
        assert [(await ranking(stream)).seq for stream in (near, far)] == [3, 3]
        assert await nothing(other)
    assert len(here.live) == 0


async def test_blocks_resets_and_merges_reach_streams_too(here: Station, there: Station) -> None:
    ann, bob = someone(), someone()
    await there.worker.recommender.record([event(ann, 1), event(bob, 2)])
    with here.live.open(ann, ASK) as stream, here.live.open(bob, ASK) as merged:
        best = (await ranking(stream)).tracks[0].track
        await ranking(merged)
        await there.worker.recommender.record([event(ann, best.track_id, EventKind.DISLIKED)])
        assert best not in [ranked.track for ranked in (await ranking(stream)).tracks]
        await there.worker.listeners.reset(ann, keep_recent=False)
        assert (await ranking(stream)).seq == 3
        await there.worker.listeners.merge(bob, into=ann)
        assert await upcoming(merged) == (Bye("forgotten"),)
        assert (await ranking(stream)).seq == 4
        await there.worker.listeners.forget(ann)
        assert await upcoming(stream) == (Bye("forgotten"),)


async def test_a_slow_reader_gets_the_newest_ranking_only(here: Station, there: Station) -> None:
    """However much happens meanwhile, nothing is kept for it but that something did."""
    ann = someone()
    with here.live.open(ann, ASK) as stream:
        await ranking(stream)
        for track in range(20):
            await there.worker.recommender.record([event(ann, track)])
        await asyncio.sleep(0.2)
        assert (await ranking(stream)).seq == 20
        assert await nothing(stream)


async def test_what_the_reader_has_already_is_not_told_again(here: Station) -> None:
    """Last-Event-ID: of this worker or of any other, for the id says what was asked and of which moment."""
    ann = someone()
    answer = await here.worker.recommender.observe(ann, [event(ann, 1)], ASK)
    with here.live.open(ann, ASK, answer.recommendation_id) as stream:
        assert await nothing(stream)
        await here.worker.recommender.record([event(ann, 2)])
        assert (await ranking(stream)).seq == 2
    with here.live.open(ann, ASK, answer.recommendation_id) as stream:
        assert (await ranking(stream)).seq == 2


async def test_an_event_over_the_stream_is_told_once(here: Station, there: Station) -> None:
    """With its receipt where it came in, without where it did not."""
    ann = someone()
    with here.live.open(ann, ASK) as talking, there.live.open(ann, ASK) as listening:
        await ranking(talking)
        await ranking(listening)
        [answer] = await talking.observe([event(ann, 1)])
        assert isinstance(answer, Recommendation)
        assert [receipt.outcome for receipt in answer.receipts] == ["applied"]
        assert (await ranking(listening)).recommendation_id == answer.recommendation_id
        assert await nothing(talking)


async def test_another_checkpoint_is_told_before_its_first_ranking(here: Station, checkpoints: CheckpointStore) -> None:
    ann = someone()
    with here.live.open(ann, ASK) as stream:
        before = await ranking(stream)
        after = checkpoints.publish(draft(2)).checkpoint_id
        checkpoints.promote("stable", after)
        changed, told = await upcoming(stream)
        assert changed == ModelChanged(after, before.checkpoint_id)
        assert isinstance(told, Recommendation)
        assert told.checkpoint_id == after


async def test_draining_ends_every_stream_and_each_that_is_opened_later(here: Station) -> None:
    draining = asyncio.Event()
    here.live.end_when(draining)
    with here.live.open(someone(), ASK) as first, here.live.open(someone(), ASK) as second:
        await ranking(first)
        draining.set()
        for stream in (first, second):
            told = await upcoming(stream)
            assert isinstance(bye := told[-1], Bye)
            assert bye.reason == "draining"
            assert bye.retry_ms is not None
        with here.live.open(someone(), ASK) as late:
            assert [type(told) for told in await upcoming(late)] == [Bye]


async def test_a_store_that_is_away_is_told_and_so_is_its_return(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    """The newest ranking stays; what was missed is told as soon as the store is back."""
    ann, port = someone(), free_port()
    # Every write is on disk before it is acknowledged, so that the killed server comes back with it.
    keeping = ("--appendonly", "yes", "--appendfsync", "always")
    with running(find_server(), tmp_path / "redis", *keeping, port=port) as server:
        async with station(checkpoints, server.url) as one:
            await one.worker.recommender.record([event(ann, 1)])
            with one.live.open(ann, ASK) as stream:
                known = await ranking(stream)
                server.signal(signal.SIGKILL)
                away = await ranking(stream)
                assert (away.degraded, away.tracks) == ((UPDATES_UNAVAILABLE,), known.tracks)
                with one.live.open(someone(), ASK) as late:
                    assert (await ranking(late)).degraded == ("state_unavailable", UPDATES_UNAVAILABLE)
                with running(find_server(), tmp_path / "redis", *keeping, port=port):
                    back = await ranking(stream)
                    assert (back.degraded, back.seq) == ((), 1)
                    await one.worker.recommender.record([event(ann, 2)])
                    assert (await ranking(stream)).seq == 2
