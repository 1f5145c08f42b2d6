"""What the event log holds of one listener, wherever it lies by now."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.stores.event_streams import EventStreams
from app.stores.exchange import Exchange
from app.stores.listener_log import ListenerLog
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server, new_listener
from tests.stores.event_logs import collect, play

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(embedded: Server) -> AsyncIterator[SessionStore]:
    store = SessionStore.connect(embedded.url, ttl_s=600, timeout_s=5.0)
    yield store
    await store.aclose()


@pytest.fixture
async def log(embedded: Server, tmp_path: Path) -> AsyncIterator[ListenerLog]:
    streams = EventStreams(Exchange.connect(embedded.url, timeout_s=5.0))
    yield ListenerLog(streams, tmp_path / "events")
    await streams.aclose()


async def told(log: ListenerLog, listener_id: str) -> list[str]:
    return [entry.event_id for entry in await log.entries(listener_id)]


async def test_what_waits_and_what_was_collected_is_told_once_and_in_order(
    store: SessionStore, log: ListenerLog, embedded: Server, tmp_path: Path
) -> None:
    ann, bob = new_listener(), new_listener()
    assert await told(log, ann) == []
    await play(store, ann, "a", "b")
    await play(store, bob, "x")
    assert await told(log, ann) == ["a", "b"]
    await collect(embedded.url, tmp_path / "events")
    await play(store, ann, "c")
    assert await told(log, ann) == ["a", "b", "c"]
    [entry] = await log.entries(bob)
    assert (entry.listener_id, entry.track_id, entry.seq) == (bob, "track x", 1)


@pytest.mark.parametrize("collected", [False, True])
async def test_what_was_forgotten_is_not_told(
    store: SessionStore, log: ListenerLog, embedded: Server, tmp_path: Path, collected: bool
) -> None:
    """Whether or not it has been taken out of the log by now; what came after it is."""
    ann = new_listener()
    await play(store, ann, "a")
    if collected:
        await collect(embedded.url, tmp_path / "events")
    await store.delete(ann)
    assert await told(log, ann) == []
    await play(store, ann, "b")
    assert await told(log, ann) == ["b"]


@pytest.mark.parametrize("collected", [False, True])
async def test_what_was_merged_belongs_to_who_it_was_merged_into(
    store: SessionStore, log: ListenerLog, embedded: Server, tmp_path: Path, collected: bool
) -> None:
    """Over any number of merges; under the old id begins somebody else."""
    ann, bob, eve = new_listener(), new_listener(), new_listener()
    await play(store, eve, "e")
    await store.delete(eve, merged_into=bob)
    await play(store, bob, "b")
    await store.delete(bob, merged_into=ann)
    await play(store, ann, "a")
    await play(store, bob, "later")
    if collected:
        await collect(embedded.url, tmp_path / "events")
    assert sorted(await told(log, ann)) == ["a", "b", "e"]
    assert await told(log, bob) == ["later"]
    assert await told(log, eve) == []
