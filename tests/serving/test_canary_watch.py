"""A canary that is really worse goes by itself; one that is as good, or that nobody may take away, stays."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.domain.online import BUCKETS, Tally
from app.serving.canary_watch import CanaryWatch
from app.serving.labelling import Labelling
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.stores.exchange import Exchange
from app.stores.online_counts import OnlineCounts
from tests.serving.conftest import draft, opened

pytestmark = pytest.mark.anyio

Heard = Callable[[int], Tally]


@asynccontextmanager
async def watching(checkpoints: CheckpointStore, url: str, *, rolls_back: bool = False) -> AsyncIterator[CanaryWatch]:
    counts = OnlineCounts(Exchange.connect(url, timeout_s=5.0))
    async with opened(checkpoints, url) as worker:
        labelling = Labelling(checkpoints, worker.reloader)
        async with CanaryWatch(
            counts, checkpoints, worker.reloader, labelling, rolls_back=rolls_back, interval_s=0.05
        ) as watch:
            yield watch
    await counts.aclose()


async def hear(url: str, checkpoint_id: str, label: str, beside: str, hits: Heard) -> None:
    counts = OnlineCounts(Exchange.connect(url, timeout_s=5.0))
    await counts.add({(checkpoint_id, label, beside, bucket): hits(bucket) for bucket in range(BUCKETS)})
    await counts.aclose()


def good(bucket: int) -> Tally:
    return Tally(plays=200, hits=80 + bucket % 5)


def bad(bucket: int) -> Tally:
    return Tally(plays=200, hits=20 + bucket % 5)


@pytest.fixture
def session_server(tmp_path: Path) -> Iterator[str]:
    """A server of one's own: checkpoints published within one second have one id in every test."""
    with EmbeddedServer(tmp_path / "sessions") as server:
        yield server.url


@pytest.fixture
def pair(checkpoints: CheckpointStore) -> tuple[str, str]:
    """The ids of stable and of a canary for everybody's half."""
    canary = checkpoints.publish(draft(2)).checkpoint_id
    checkpoints.promote("canary", canary, traffic_percent=50)
    return str(checkpoints.labels().stable), canary


async def test_a_worse_canary_goes(checkpoints: CheckpointStore, session_server: str, pair: tuple[str, str]) -> None:
    stable, canary = pair
    await hear(session_server, stable, "stable", canary, good)
    await hear(session_server, canary, "canary", stable, bad)
    async with watching(checkpoints, session_server) as watch:
        found = await watch.comparison()
        assert found is not None
        assert found.verdict == "worse"
        assert found.difference == pytest.approx(-0.3)
        assert await watch.look()
        assert checkpoints.labels().canary is None
        assert checkpoints.labels().stable == stable
        assert await watch.comparison() is None
        assert not await watch.look()


async def test_it_goes_by_itself_where_that_is_set(
    checkpoints: CheckpointStore, session_server: str, pair: tuple[str, str]
) -> None:
    """And by one of several workers that see it at once."""
    import anyio

    stable, canary = pair
    await hear(session_server, stable, "stable", canary, good)
    await hear(session_server, canary, "canary", stable, bad)
    async with (
        watching(checkpoints, session_server, rolls_back=True),
        watching(checkpoints, session_server, rolls_back=True),
    ):
        with anyio.fail_after(20):
            while checkpoints.labels().canary is not None:
                await anyio.sleep(0.02)
        await anyio.sleep(0.3)
    assert checkpoints.labels().version == 3


@pytest.mark.parametrize("canary_hits", [good, lambda _: Tally(plays=1)])
async def test_one_that_is_as_good_or_hardly_heard_stays(
    checkpoints: CheckpointStore, session_server: str, pair: tuple[str, str], canary_hits: Heard
) -> None:
    stable, canary = pair
    await hear(session_server, stable, "stable", canary, good)
    await hear(session_server, canary, "canary", stable, canary_hits)
    async with watching(checkpoints, session_server) as watch:
        assert not await watch.look()
    assert checkpoints.labels().named("canary") == canary


async def test_what_was_heard_beside_another_canary_does_not_count(
    checkpoints: CheckpointStore, session_server: str, pair: tuple[str, str]
) -> None:
    """Other listeners, other days."""
    stable, canary = pair
    await hear(session_server, stable, "stable", "20261101T000000Z-000000", good)
    await hear(session_server, canary, "canary", stable, bad)
    async with watching(checkpoints, session_server) as watch:
        found = await watch.comparison()
    assert found is not None
    assert found.verdict == "undecided"
