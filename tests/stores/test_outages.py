"""What callers see when the server is stopped, gone, full, a replica or loading; and that it passes.

What they see of it over HTTP is in `tests/faults`, what a cluster does in `test_cluster.py`.
"""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import AskError, MovedError, ResponseError

from app.domain.session import ListenerSession
from app.errors import SessionStoreUnavailable
from app.stores.embedded import find_server
from app.stores.refusals import refusal
from app.stores.session_store import SessionStore
from tests.ports import free_port
from tests.stores.conftest import Server, after, new_listener, recovered, running, take_in

pytestmark = pytest.mark.anyio

# Redis's default, everysec, may lose what it acknowledged when it is killed while the disk is busy.
KEEPING = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Server]:
    """A server of one test's own, to be ill-treated."""
    with running(find_server(), tmp_path) as server:
        yield server


async def test_stopped_server_is_an_outage_until_it_goes_on(single: Server) -> None:
    store = SessionStore.connect(single.url, ttl_s=60, timeout_s=0.5)
    listener = new_listener()
    before = await take_in(store, listener)
    single.signal(signal.SIGSTOP)
    try:
        for call in (store.load(listener), store.load_many([listener, "b"]), store.ping(), store.delete("c")):
            with pytest.raises(SessionStoreUnavailable, match="does not answer in time") as outage:
                await call
            assert outage.value.retry_after_s >= 1
        with pytest.raises(SessionStoreUnavailable):
            await store.commit(after(before, "two"), expected=before)
    finally:
        single.signal(signal.SIGCONT)
    await recovered(store, listener)
    # The commit may have arrived: what was sent is applied once, if at all.
    assert (await store.load(listener)).seq in (1, 2)
    await take_in(store, listener)
    await store.aclose()


async def test_server_that_is_gone_is_an_outage_until_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    store = SessionStore.connect(f"redis://127.0.0.1:{port}", ttl_s=60, timeout_s=2.0)
    with pytest.raises(SessionStoreUnavailable, match="cannot be reached"):
        await store.load("ann")
    for _ in range(2):
        with running(find_server(), tmp_path, *KEEPING, port=port):
            # Connections of the pool lead to the server before; nobody notices.
            await asyncio.gather(*(take_in(store, new_listener()) for _ in range(20)))
            await take_in(store, "ann")
        with pytest.raises(SessionStoreUnavailable, match="cannot be reached"):
            await store.load("ann")
    with running(find_server(), tmp_path, *KEEPING, port=port):
        assert (await store.load("ann")).seq == 2
    await store.aclose()


async def test_replica_is_an_outage_until_it_is_master(single: Server) -> None:
    store = SessionStore.connect(single.url, ttl_s=60, timeout_s=2.0)
    before = await take_in(store, "ann")
    single.nodes[0].replicaof("127.0.0.1", free_port())
    with pytest.raises(SessionStoreUnavailable, match="replica that takes no writes"):
        await store.commit(after(before, "two"), expected=before)
    with pytest.raises(SessionStoreUnavailable, match="replica that takes no writes"):
        await store.commit_many([(after(before, "two"), before, ()), (after(ListenerSession("b"), "x"), before, ())])
    assert await store.load("ann") == before
    single.nodes[0].replicaof("NO", "ONE")
    await take_in(store, "ann")
    await store.aclose()


async def test_full_server_is_an_outage_until_there_is_room(single: Server) -> None:
    store = SessionStore.connect(single.url, ttl_s=60, timeout_s=2.0)
    before = await take_in(store, "ann")
    single.nodes[0].config_set("maxmemory", 1)
    with pytest.raises(SessionStoreUnavailable, match="maxmemory"):
        await store.commit(after(before, "two"), expected=before)
    assert await store.load("ann") == before
    single.nodes[0].config_set("maxmemory", 0)
    await take_in(store, "ann")
    await store.aclose()


async def test_loading_server_is_an_outage_until_it_has_loaded(tmp_path: Path) -> None:
    """A server that loads slowly on purpose answers LOADING."""
    port = free_port()
    with running(find_server(), tmp_path, port=port) as server:
        for number in range(200):
            server.nodes[0].set(f"other {number}", "x" * 100)
        store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
        await take_in(store, "ann")
        server.nodes[0].save()
    slowly = ("--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024")
    with running(find_server(), tmp_path, *slowly, port=port, patient=False):
        seen = set()
        session = None
        while session is None:
            try:
                session = await store.load("ann")
            except SessionStoreUnavailable as outage:
                seen.add(str(outage))
                await asyncio.sleep(0.02)
        assert session.seq == 1
        assert any("still reading its data" in outage for outage in seen)
    await store.aclose()


async def test_busy_script_is_an_outage_until_it_ends(single: Server) -> None:
    store = SessionStore.connect(single.url, ttl_s=60, timeout_s=2.0)
    await take_in(store, "ann")
    single.nodes[0].config_set("busy-reply-threshold", 50)
    hog = asyncio.create_task(asyncio.to_thread(_hog, single.nodes[0]))
    await asyncio.sleep(0.3)
    with pytest.raises(SessionStoreUnavailable, match="held up by a script"):
        await store.load("ann")
    await hog
    assert (await store.load("ann")).seq == 1
    await store.aclose()


def _hog(node: Any) -> None:
    node.eval("local t = redis.call('TIME')[1] while redis.call('TIME')[1] - t < 2 do end", 0)


@pytest.mark.parametrize(
    "mistake", ["ERR Error compiling script (new function): user_script:1: unexpected symbol", "CROSSSLOT keys"]
)
def test_mistake_of_ours_is_not_called_an_outage(mistake: str) -> None:
    """A bug must not look like a server to be waited for."""
    assert refusal(ResponseError(mistake)) is None


@pytest.mark.parametrize("redirection", [MovedError, AskError])
def test_redirection_that_leads_nowhere_is_an_outage(redirection: type[AskError]) -> None:
    """Nodes that have not heard of each other's slots yet send a caller round in a ring."""
    found = refusal(redirection("10141 127.0.0.1:7000"))
    assert "redis+cluster://" in str(found)
