"""Notices that get lost: a server that stores and does not tell, as one that dies between the two."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.domain.recommendation import Ask, Recommendation
from app.serving.live import Live
from app.serving.live_stream import LiveStream
from app.serving.rounds import Rounds
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import find_server
from app.stores.keys import session_key
from app.stores.live import Notices
from tests.serving.conftest import Worker, event, opened, someone
from tests.stores.conftest import Server, running

pytestmark = pytest.mark.anyio

ASK = Ask(limit=3)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Server]:
    """A server whose scripts may not publish."""
    with running(find_server(), tmp_path) as server:
        server.nodes[0].execute_command("ACL", "SETUSER", "default", "-publish")  # type: ignore[no-untyped-call]
        yield server


@pytest.fixture
async def worker(checkpoints: CheckpointStore, silent: Server) -> AsyncIterator[Worker]:
    async with opened(checkpoints, silent.url) as one:
        yield one


@pytest.fixture
async def live(worker: Worker, silent: Server) -> AsyncIterator[Live]:
    async with Notices.connect(silent.url, timeout_s=5.0) as notices, Live(worker.recommender, notices) as streams:
        notices.tell(streams)
        async with asyncio.timeout(10):
            while streams.is_away:
                await asyncio.sleep(0.01)
        yield streams


async def told(stream: LiveStream) -> list[int]:
    """Return the seqs of the rankings that are told at once."""
    rankings = await stream.upcoming(0.3)
    return [ranking.seq for ranking in rankings if isinstance(ranking, Recommendation)]


async def test_a_round_finds_what_no_notice_told(worker: Worker, live: Live) -> None:
    """An event, and that a session expired; what was told before is not told again."""
    ann, bob = someone(), someone()
    rounds = Rounds(live, worker.sessions)
    with live.open(ann, ASK) as stream, live.open(bob, ASK) as other:
        assert [await told(stream), await told(other)] == [[0], [0]]
        await worker.recommender.record([event(ann, 1)])
        assert await told(stream) == []
        await rounds.go()
        assert [await told(stream), await told(other)] == [[1], []]
        await rounds.go()
        assert await told(stream) == []
        await worker.sessions.delete(ann)
        await rounds.go()
        assert [await told(stream), await told(other)] == [[0], []]
    await rounds.go()


async def test_rounds_go_on_by_themselves_and_over_an_outage(worker: Worker, live: Live, silent: Server) -> None:
    ann = someone()
    with live.open(ann, ASK) as stream:
        assert await told(stream) == [0]
        async with Rounds(live, worker.sessions, interval_s=0.05):
            silent.nodes[0].execute_command("CLIENT", "PAUSE", 200)  # type: ignore[no-untyped-call]
            await worker.recommender.record([event(ann, 1)])
            async with asyncio.timeout(10):
                while await told(stream) != [1]:
                    pass


async def test_a_record_that_is_none_is_looked_at(worker: Worker, live: Live, silent: Server) -> None:
    """Whoever looks sets it aside, and the listener starts anew."""
    ann = someone()
    await worker.recommender.record([event(ann, 1)])
    with live.open(ann, ASK) as stream:
        assert await told(stream) == [1]
        silent.nodes[0].delete(session_key(ann))
        silent.nodes[0].lpush(session_key(ann), "somebody's list")
        await Rounds(live, worker.sessions).go()
        assert await told(stream) == [0]
