"""What callers see when the server is stopped, gone, full, a replica, loading or moving; and that it passes."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot
from redis.exceptions import ResponseError

from app.domain.session import ListenerSession
from app.errors import SessionStoreUnavailable
from app.stores.embedded import find_server
from app.stores.keys import events_key, lane_of, session_key
from app.stores.refusals import refusal
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server, after, free_port, new_listener, running, running_cluster

pytestmark = pytest.mark.anyio

# Redis's default, everysec, may lose what it acknowledged when it is killed while the disk is busy.
KEEPING = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Server]:
    """A server of one test's own, to be ill-treated."""
    with running(find_server(), tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster to be ill-treated; each test leaves it whole."""
    with running_cluster(tmp_path_factory.mktemp("trio")) as server:
        yield server


async def take_in(store: SessionStore, listener: str) -> ListenerSession:
    session = await store.load(listener)
    later = after(session, f"event {session.seq}")
    await store.commit(later, expected=session)
    return later


async def recovered(store: SessionStore, listener: str) -> ListenerSession:
    """Return the session once the store serves it again, within the five seconds that are promised."""
    deadline = time.monotonic() + 5.0
    while True:
        try:
            return await store.load(listener)
        except SessionStoreUnavailable:
            assert time.monotonic() < deadline, "the store did not recover"
            await asyncio.sleep(0.05)


def listener_on(server: Server, node: int) -> str:
    """Return a new listener whose key one node of an evenly shared cluster holds."""
    while True:
        listener = new_listener()
        if key_slot(session_key(listener)) * len(server.nodes) // 16384 == node:
            return listener


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


async def test_stopped_node_is_an_outage_of_its_own_listeners_only(trio: Server) -> None:
    store = SessionStore.connect(trio.url, ttl_s=60, timeout_s=1.0)
    listeners = [listener_on(trio, node) for node in range(3)]
    for listener in listeners:
        await take_in(store, listener)
    trio_process(trio, 1, signal.SIGSTOP)
    try:
        failing = [asyncio.create_task(store.load(listeners[1])) for _ in range(100)]
        for listener in (listeners[0], listeners[2]):
            await take_in(store, listener)
        for result in await asyncio.gather(*failing, return_exceptions=True):
            assert isinstance(result, SessionStoreUnavailable)
        with pytest.raises(SessionStoreUnavailable):
            await store.load_many(listeners)
    finally:
        trio_process(trio, 1, signal.SIGCONT)
    assert (await recovered(store, listeners[1])).seq == 1
    assert [session.seq for session in await store.load_many(listeners)] == [2, 1, 2]
    await store.aclose()


def trio_process(server: Server, node: int, number: signal.Signals) -> None:
    Server(server.url, (server.nodes[node],), (server.pids[node],)).signal(number)


async def test_moved_slot_is_found_at_its_new_node(trio: Server) -> None:
    """MOVED: the slot of a listener goes from one node to another and back, as in a reshard."""
    store = SessionStore.connect(trio.url, ttl_s=60, timeout_s=2.0)
    listener = listener_on(trio, 0)
    await take_in(store, listener)
    other = [listener_on(trio, node) for node in range(3)]
    await store.delete(listener)
    await hand_over(trio, key_slot(session_key(listener)), giver=0, taker=1)
    assert [session.seq for session in await store.load_many([listener, *other])] == [0, 0, 0, 0]
    await take_in(store, listener)
    assert trio.nodes[1].exists(session_key(listener))
    await store.delete(listener)
    await hand_over(trio, key_slot(session_key(listener)), giver=1, taker=0)
    await take_in(store, listener)
    assert trio.nodes[0].exists(session_key(listener))
    await store.aclose()


async def test_key_on_the_move_is_asked_for_where_it_goes(trio: Server) -> None:
    """ASK: while a slot is handed over, what is no longer at the old node is at the new one."""
    store = SessionStore.connect(trio.url, ttl_s=60, timeout_s=2.0)
    listener = listener_on(trio, 2)
    await store.delete(listener)  # which leaves a mark in the log
    await take_in(store, listener)
    slot = key_slot(session_key(listener))
    giver: Any = trio.nodes[2]
    taker: Any = trio.nodes[0]
    port = taker.connection_pool.connection_kwargs["port"]
    taker.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", identity(giver))
    giver.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", identity(taker))
    giver.migrate("127.0.0.1", port, session_key(listener), 0, 1000)
    before = await store.load(listener)
    assert before.seq == 1
    # The log of the lane is still at the old node: a commit would need both, and waits.
    with pytest.raises(SessionStoreUnavailable, match="moving these keys"):
        await take_in(store, listener)
    assert await store.load(listener) == before
    move_keys(giver, port, slot)
    await take_in(store, listener)
    assert [session.seq for session in await store.load_many([listener, listener])] == [2, 2]
    await hand_over(trio, slot, giver=2, taker=0)
    assert (await store.load(listener)).seq == 2
    await store.delete(listener)
    await hand_over(trio, slot, giver=0, taker=2)
    await store.aclose()


async def test_slot_that_nobody_holds_is_an_outage_until_somebody_does(trio: Server) -> None:
    """CLUSTERDOWN: a master was removed before its slots were handed over."""
    store = SessionStore.connect(trio.url, ttl_s=60, timeout_s=2.0)
    listener, other = listener_on(trio, 1), listener_on(trio, 2)
    await take_in(store, listener)
    slot = key_slot(session_key(listener))
    giver: Any = trio.nodes[1]
    record = giver.dump(session_key(listener))
    giver.delete(session_key(listener), events_key(lane_of(listener)))
    giver.execute_command("CLUSTER", "DELSLOTS", slot)
    with pytest.raises(SessionStoreUnavailable, match="misses some of its slots"):
        await store.load(listener)
    assert (await store.load(other)).is_new
    giver.execute_command("CLUSTER", "ADDSLOTS", slot)
    giver.restore(session_key(listener), 60_000, record)
    assert (await recovered(store, listener)).seq == 1
    await store.aclose()


def identity(node: Any) -> str:
    name = node.execute_command("CLUSTER", "MYID")
    return name.decode() if isinstance(name, bytes) else str(name)


def move_keys(giver: Any, port: int, slot: int) -> None:
    while keys := giver.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
        for key in keys:
            giver.migrate("127.0.0.1", port, key, 0, 1000)


async def hand_over(server: Server, slot: int, *, giver: int, taker: int) -> None:
    """Move a slot with all its keys, as a reshard does."""
    name = identity(server.nodes[taker])
    for node, state, other in ((taker, "IMPORTING", giver), (giver, "MIGRATING", taker)):
        mover: Any = server.nodes[node]
        mover.execute_command("CLUSTER", "SETSLOT", slot, state, identity(server.nodes[other]))
    port = server.nodes[taker].connection_pool.connection_kwargs["port"]
    move_keys(server.nodes[giver], port, slot)
    for node in (taker, giver, *({0, 1, 2} - {taker, giver})):
        client: Any = server.nodes[node]
        client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", name)


async def test_cluster_is_found_through_the_seeds_that_live(trio: Server) -> None:
    dead = f"redis+cluster://127.0.0.1:{free_port()}"
    store = SessionStore.connect(f"{dead},{trio.url.rpartition(',')[2]}", ttl_s=60, timeout_s=2.0)
    await asyncio.gather(*(take_in(store, new_listener()) for _ in range(30)))
    await store.aclose()
    nobody = SessionStore.connect(dead, ttl_s=60, timeout_s=2.0)
    with pytest.raises(SessionStoreUnavailable, match="cannot be reached"):
        await nobody.load("ann")
    await nobody.aclose()


async def test_node_that_dies_for_good_is_an_outage_of_its_own_listeners_only(tmp_path: Path) -> None:
    with running_cluster(tmp_path) as server:
        store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
        listeners = [listener_on(server, node) for node in range(3)]
        for listener in listeners:
            await take_in(store, listener)
        trio_process(server, 0, signal.SIGKILL)
        for _ in range(3):
            calls = [store.load(listener) for listener in listeners for _ in range(10)]
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(result, SessionStoreUnavailable) for result in results[:10])
            assert all(isinstance(result, ListenerSession) for result in results[10:])
        await store.aclose()


@pytest.mark.parametrize(
    "mistake", ["ERR Error compiling script (new function): user_script:1: unexpected symbol", "CROSSSLOT keys"]
)
def test_mistake_of_ours_is_not_called_an_outage(mistake: str) -> None:
    """A bug must not look like a server to be waited for."""
    assert refusal(ResponseError(mistake)) is None
