"""A road to the session store that is slow, goes silent, or is cut: what callers see, and that it passes."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvloop

from app.errors import SessionStoreUnavailable
from app.stores.session_store import SessionStore
from tests.faults.conftest import RECOVERY_S, Stage
from tests.faults.proxy import Proxy
from tests.stores.conftest import Server, new_listener

pytestmark = [pytest.mark.faults, pytest.mark.anyio]


@pytest.mark.parametrize("latency_s", [0.05, 0.5])
def test_slow_road_costs_time_and_nothing_else(stage: Stage, latency_s: float) -> None:
    """Every call waits for one round trip to read and one to write, and is answered in full."""
    listener, other = new_listener(), new_listener()
    stage.proxy.latency_s = latency_s
    with ThreadPoolExecutor(2) as threads:
        telling = threads.submit(stage.told, other, "one", "t1")
        answer = stage.ask(listener, event={"type": "played", "track_id": "t1", "event_id": "one"})
        assert telling.result()["outcome"] == "applied"
    assert answer.status_code == 200
    assert answer.json()["degraded"] == []
    assert answer.json()["seq"] == 1


def test_half_open_connections_cost_one_wait(stage: Stage) -> None:
    """A firewall forgot the connections that were open. Once one was waited for in vain, the others are given up."""
    listeners = [new_listener() for _ in range(8)]
    stage.proxy.latency_s = 0.4  # so that the eight, one after the other, need a connection each

    def ask(number: int) -> list[str]:
        time.sleep(0.02 * number)
        return list(stage.ask(listeners[number]).json()["degraded"])

    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(ask, range(8)))
        stage.proxy.heal()
        assert stage.proxy.leave_half_open() > 1
        began = time.monotonic()
        while stage.ask(listeners[0]).json()["degraded"]:
            assert time.monotonic() < began + RECOVERY_S, "the service did not recover"
        assert all(answer.json()["degraded"] == [] for answer in threads.map(stage.ask, listeners))


def test_connections_that_were_closed_are_noticed_by_nobody(stage: Stage) -> None:
    """A proxy that was restarted, a server that closes what is idle: the command is sent once more."""
    listener = new_listener()
    for number in range(5):
        stage.proxy.close_all()
        assert stage.told(listener, str(number), f"t{number}")["seq"] == number + 1


def test_reply_that_is_cut_applies_the_event_once(stage: Stage) -> None:
    """The commit is stored, its reply is lost, and the client sends it again: so does the store, so does the caller."""
    listener = new_listener()
    for number in range(3):
        stage.proxy.cut_replies_at = number
        refused = stage.tell(listener, str(number), f"t{number}")
        assert refused.status_code == 503
        stage.proxy.heal()
        assert stage.told(listener, str(number), f"t{number}")["seq"] == number + 1


@pytest.mark.long
def test_one_listener_does_not_wait_for_ever(stage: Stage) -> None:
    """Requests for one listener take turns; while the store hangs, that must not add up to the sum of their waits."""
    listener = new_listener()
    stage.told(listener, "one")
    stage.proxy.silent = True
    with ThreadPoolExecutor(12) as threads:
        base = str(stage.service.http.base_url)
        body = {"listener_id": listener, "n": 1}
        calls = [threads.submit(httpx.post, f"{base}/v1/next", json=body, timeout=8.0) for _ in range(12)]
        assert all(call.result().json()["degraded"] == ["state_unavailable"] for call in calls)


async def _apart(store: SessionStore, number: int) -> None:
    """Load on a connection of one's own: who asks together shares one."""
    await asyncio.sleep(0.01 * number)
    await store.load(new_listener())


async def test_idle_connections_are_given_up_with_the_one_that_hung(server: Server) -> None:
    """The store itself: some dead connections in its pool are one failure, not one each over the next days."""
    with Proxy(int(server.url.rpartition(":")[2])) as proxy:
        store = SessionStore.connect(f"redis://127.0.0.1:{proxy.port}", ttl_s=60, timeout_s=0.5)
        proxy.latency_s = 0.2
        await asyncio.gather(*(_apart(store, number) for number in range(8)))
        proxy.heal()
        assert proxy.leave_half_open() > 1
        with pytest.raises(SessionStoreUnavailable, match="does not answer in time"):
            await store.load("ann")
        assert len(await asyncio.gather(*(store.load(new_listener()) for _ in range(8)))) == 8
        await store.aclose()


async def test_caller_who_leaves_early_casts_no_doubt_on_the_road(server: Server) -> None:
    """Nor does a cluster's node that was not needed any more: its own connection is closed, the idle ones are not."""
    with Proxy(int(server.url.rpartition(":")[2])) as proxy:
        store = SessionStore.connect(f"redis://127.0.0.1:{proxy.port}", ttl_s=60, timeout_s=5.0)
        proxy.latency_s = 0.2
        await asyncio.gather(*(_apart(store, number) for number in range(8)))
        opened = proxy.connections
        assert opened > 1
        leaving = asyncio.create_task(store.load("ann"))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.wait([leaving])
        await asyncio.sleep(0.1)
        assert proxy.connections == opened - 1
        await store.aclose()


def test_reset_in_the_middle_of_a_greeting_is_an_outage_on_the_loop_that_serves() -> None:
    """uvloop, which runs the service, raises no OSError then: a balancer without a server behind it was a 500."""

    async def refused() -> set[type[BaseException]]:
        async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        balancer = await asyncio.start_server(reset, "127.0.0.1", 0)
        port = balancer.sockets[0].getsockname()[1]
        store = SessionStore.connect(f"redis://127.0.0.1:{port}", ttl_s=60, timeout_s=5.0)
        calls = [_apart(store, number) for number in range(100)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        await store.aclose()
        balancer.close()
        return {type(result) for result in results if isinstance(result, BaseException)}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(refused()) == {SessionStoreUnavailable}
