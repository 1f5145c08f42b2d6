"""A collector that runs for long: what fails passes, and at the end it collects what is left."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.errors import CollectedElsewhere
from app.stores import collector as collecting_module
from app.stores.embedded import find_server
from app.stores.keys import COLLECTOR_KEY, events_key, lane_of
from app.stores.session_store import SessionStore
from tests.ports import free_port
from tests.stores.conftest import running
from tests.stores.event_logs import collecting, heard, play

pytestmark = pytest.mark.anyio


async def happened(folder: Path, events: int) -> None:
    """Wait until so many events are in the files."""
    async with asyncio.timeout(30.0):
        while sum(map(len, heard(folder).values())) < events:
            await asyncio.sleep(0.01)


async def test_collector_waits_for_redis_and_ends_with_a_last_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting_module, "LONGEST_PAUSE_S", 0.05)
    port, folder, ending = free_port(), tmp_path / "events", asyncio.Event()
    with capture_logs() as said:
        async with collecting(f"redis://127.0.0.1:{port}", folder) as collector:
            collecting_on = asyncio.create_task(collector.run(ending, interval_s=0.01))
            async with asyncio.timeout(30.0):
                while not said:
                    await asyncio.sleep(0.01)
            assert said[0]["event"] == "events_not_collected"
            assert "cannot be reached" in said[0]["reason"]
            with running(find_server(), tmp_path / "redis", port=port) as server:
                store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
                await play(store, "ann", "one", "two")
                await happened(folder, 2)
                monkeypatch.setattr(collecting_module, "LANE_ENTRIES", 2)
                await play(store, "ann", *(f"event {number}" for number in range(20)))
                ending.set()
                await collecting_on
                await store.aclose()
    assert len(heard(folder)["ann"]) == 22
    collected = [line for line in said if line["event"] == "events_collected"]
    assert sum(line["collected"] for line in collected) == 22


async def test_what_is_done_is_reported_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting_module, "REPORT_INTERVAL_S", 0.0)
    ending = asyncio.Event()
    with running(find_server(), tmp_path / "redis") as server, capture_logs() as said:
        store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
        async with collecting(server.url, tmp_path / "events") as collector:
            collecting_on = asyncio.create_task(collector.run(ending, interval_s=0.01))
            for number in range(3):
                await play(store, "ann", f"event {number}")
                await happened(tmp_path / "events", number + 1)
            ending.set()
            await collecting_on
        await store.aclose()
    assert sum(line["collected"] for line in said) == 3
    assert all(0 <= line["lag_s"] < 60 for line in said)


async def test_end_without_redis_is_said_and_is_no_failure(tmp_path: Path) -> None:
    ending = asyncio.Event()
    ending.set()
    with capture_logs() as said:
        async with collecting(f"redis://127.0.0.1:{free_port()}", tmp_path) as collector:
            await collector.run(ending, interval_s=1.0)
    assert said[-1]["events"] == "wait in Redis for the next start"


async def test_one_log_collects_from_a_redis_at_a_time(tmp_path: Path) -> None:
    """Two would each get a part, and a listener would be forgotten in one only."""
    with running(find_server(), tmp_path / "redis") as server:
        store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
        await play(store, "ann", "one")
        async with collecting(server.url, tmp_path / "one") as first:
            async with collecting(server.url, tmp_path / "other") as other:
                await first.round()
                await play(store, "ann", "two")
                with pytest.raises(CollectedElsewhere, match="only one who collects"):
                    await other.round()
            await first.round()
            # A collector that dies holds it for a while, for whoever goes on with its log.
            assert 0 < int(str(server.nodes[0].ttl(COLLECTOR_KEY))) <= 60
        async with collecting(server.url, tmp_path / "other") as other:
            await play(store, "ann", "three")
            await other.round()
        await store.aclose()
    assert (heard(tmp_path / "one"), heard(tmp_path / "other")) == ({"ann": ["one", "two"]}, {"ann": ["three"]})


async def test_rights_of_a_collector_are_those_that_are_documented(tmp_path: Path) -> None:
    """The least its user must be allowed is what docs/session-store.md says: to read, to trim, and nothing else."""
    rights = ["~segue:*", "-@all", "+eval", "+evalsha", "+get", "+set", "+del", "+exists"]
    rights += ["+xinfo|stream", "+xrange", "+xtrim"]
    with running(find_server(), tmp_path / "redis") as server:
        store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
        await play(store, "ann", "one")
        await store.aclose()
        [node] = server.nodes
        node.acl_setuser("collector", enabled=True, passwords=["+secret"], reset=True)
        node.execute_command("ACL", "SETUSER", "collector", *rights)  # type: ignore[no-untyped-call]
        url = server.url.replace("redis://", "redis://collector:secret@")
        async with collecting(url, tmp_path / "events") as collector:
            await collector.drain()
        key = events_key(lane_of("ann"))
        assert node.xlen(key) == 0
    assert heard(tmp_path / "events") == {"ann": ["one"]}
