"""A cluster whose nodes stop, die, or hand their slots over: what callers see, and that it passes."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from app.domain.session import ListenerSession
from app.errors import SessionStoreUnavailable
from app.stores.keys import events_key, lane_of, session_key
from app.stores.session_store import SessionStore
from tests.ports import free_port
from tests.stores.conftest import Server, new_listener, recovered, running_cluster, take_in

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster to be ill-treated; each test leaves it whole."""
    with running_cluster(tmp_path_factory.mktemp("trio")) as server:
        yield server


def listener_on(server: Server, node: int) -> str:
    """Return a new listener whose key one node of an evenly shared cluster holds."""
    while True:
        listener = new_listener()
        if key_slot(session_key(listener)) * len(server.nodes) // 16384 == node:
            return listener


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
    """CLUSTERDOWN: a master was removed before its slots were handed over. MOVED from nodes that have not heard yet."""
    store = SessionStore.connect(trio.url, ttl_s=60, timeout_s=2.0)
    listener, other = listener_on(trio, 1), listener_on(trio, 2)
    await take_in(store, listener)
    slot = key_slot(session_key(listener))
    giver: Any = trio.nodes[1]
    record = giver.dump(session_key(listener))
    giver.delete(session_key(listener), events_key(lane_of(listener)))
    giver.execute_command("CLUSTER", "DELSLOTS", slot)
    with pytest.raises(SessionStoreUnavailable, match=r"misses some of its slots|do not agree yet"):
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
