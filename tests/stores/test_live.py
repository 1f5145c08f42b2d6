"""Notices: what a worker hears of the listeners it follows, and what it hears when the server is away."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.session import StampedHidden
from app.stores.embedded import find_server
from app.stores.keys import LIVE_CHANNEL, session_key
from app.stores.live import Notices
from app.stores.session_store import SessionStore
from tests.ports import free_port
from tests.stores.conftest import Server, committed, new_listener, running

pytestmark = pytest.mark.anyio


class Ear:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int | None]] = []
        self.gone: list[str] = []
        self.states: list[str] = []

    def noticed(self, listener_id: str, seq: int | None) -> None:
        self.heard.append((listener_id, seq))

    def forgotten(self, listener_id: str) -> None:
        self.gone.append(listener_id)

    def lost(self) -> None:
        self.states.append("lost")

    def found(self) -> None:
        self.states.append("found")


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def hearing(url: str, *listeners: str) -> AsyncIterator[tuple[Notices, Ear]]:
    """Follow listeners until nothing can be missed."""
    ear = Ear()
    async with Notices.connect(url, timeout_s=2.0) as notices:
        for listener in listeners:
            notices.follow(listener)
        notices.tell(ear)
        await until(lambda: {(listener, None) for listener in listeners} <= {*ear.heard} and ear.states)
        yield notices, ear


async def test_every_change_of_a_followed_listener_is_noticed(server: Server, store: SessionStore) -> None:
    """With its seq, once; a listener nobody follows is not heard of. Names may hold anything."""
    listener, other = f"{new_listener()} ann:session}} 戦", new_listener()
    async with hearing(server.url, listener) as (_, ear):
        ear.heard.clear()
        await committed(store, other)
        await committed(store, listener, events=3)
        await until(lambda: len(ear.heard) >= 3)
        await store.delete(listener)
        await until(lambda: ear.gone)
        assert ear.heard == [(listener, 1), (listener, 2), (listener, 3)]
        assert (ear.gone, ear.states) == ([listener], ["found"])


async def test_a_hidden_state_that_was_only_read_is_no_news(server: Server, store: SessionStore) -> None:
    """The seq is the same, so nothing that was told has changed."""
    listener = new_listener()
    session = await committed(store, listener)
    async with hearing(server.url, listener) as (_, ear):
        ear.heard.clear()
        await store.commit(replace(session, hidden=StampedHidden("a checkpoint", b"1234")), expected=session)
        await committed(store, listener)
        await until(lambda: ear.heard)
        assert ear.heard == [(listener, 2)]


async def test_who_is_followed_may_change_at_any_time(embedded: Server) -> None:
    store = SessionStore.connect(embedded.url, ttl_s=60, timeout_s=5.0)
    first, second = new_listener(), new_listener()
    async with hearing(embedded.url, first) as (notices, ear):
        notices.follow(second)
        notices.unfollow(first)
        await until(lambda: (second, None) in ear.heard)
        # Both commands were read by the server in this order, on one connection.
        await until(lambda: not embedded.nodes[0].pubsub_numsub(session_key(first))[0][1])
        ear.heard.clear()
        await committed(store, first)
        await committed(store, second)
        await until(lambda: ear.heard)
        assert ear.heard == [(second, 1)]
    await store.aclose()


async def test_a_server_that_comes_back_is_followed_again(tmp_path: Path) -> None:
    """Killed: lost at once. Hanging: lost after some seconds. Each listener is noticed once it is back."""
    port, listener = free_port(), new_listener()
    with running(find_server(), tmp_path, port=port) as first:
        async with hearing(first.url, listener) as (notices, ear):
            first.signal(signal.SIGKILL)
            await until(lambda: ear.states == ["found", "lost"])
            ear.heard.clear()
            late = new_listener()
            notices.follow(late)
            with running(find_server(), tmp_path / "again", port=port) as second:
                await until(lambda: {*ear.heard} == {(listener, None), (late, None)})
                assert ear.states == ["found", "lost", "found"]
                second.signal(signal.SIGSTOP)
                await until(lambda: ear.states[-1] == "lost")
                second.signal(signal.SIGCONT)
                await until(lambda: ear.states[-1] == "found")
                store = SessionStore.connect(second.url, ttl_s=60, timeout_s=5.0)
                await committed(store, listener)
                await until(lambda: (listener, 1) in ear.heard)
                await store.aclose()


async def test_any_node_of_a_cluster_passes_notices_on(cluster: Server) -> None:
    """The one that is connected to may be none of those that hold the sessions."""
    store = SessionStore.connect(cluster.url, ttl_s=60, timeout_s=5.0)
    listeners = [new_listener() for _ in range(12)]
    async with hearing(cluster.url, *listeners) as (_, ear):
        assert sum(bool(node.pubsub_numsub(LIVE_CHANNEL)[0][1]) for node in cluster.nodes) == 1
        for listener in listeners:
            await committed(store, listener)
        await until(lambda: {(listener, 1) for listener in listeners} <= {*ear.heard})
    await store.aclose()


async def test_a_user_without_channels_is_served_without_notices(tmp_path: Path) -> None:
    """What cannot be published is stored all the same; who may not listen is told why."""
    with running(find_server(), tmp_path) as server:
        [node] = server.nodes
        node.execute_command("ACL", "SETUSER", "mute", "on", ">p", "~segue:*", "+@all", "-publish", "resetchannels")  # type: ignore[no-untyped-call]
        url = server.url.replace("//", "//mute:p@")
        store = SessionStore.connect(url, ttl_s=60, timeout_s=2.0)
        listener = new_listener()
        assert (await committed(store, listener)).seq == 1
        assert await store.delete(listener)
        ear = Ear()
        async with Notices.connect(url, timeout_s=2.0) as notices:
            notices.tell(ear)
            await asyncio.sleep(0.3)
        assert ear.states == []
        await store.aclose()


async def test_messages_of_others_on_our_channels_are_passed_over(embedded: Server) -> None:
    listener = new_listener()
    store = SessionStore.connect(embedded.url, ttl_s=60, timeout_s=5.0)
    async with hearing(embedded.url, listener) as (_, ear):
        ear.heard.clear()
        embedded.nodes[0].publish(session_key(listener), "hello")
        embedded.nodes[0].publish(LIVE_CHANNEL, "hello")
        await committed(store, listener)
        await until(lambda: ear.heard)
        assert (ear.heard, ear.states) == ([(listener, 1)], ["found"])
    await store.aclose()
