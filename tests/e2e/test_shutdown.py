"""Told to end under load, the service answers everything that was sent and resets nobody."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import find_server
from tests.e2e.callers import Caller, Follower, Gone, played, post
from tests.e2e.service import Service
from tests.faults.proxy import Proxy
from tests.stores.conftest import lives, running, until

SHUTDOWN_S = 30
# So far away is the session store: what asks it is still under way when the service is told to end.
SLOWLY_S = 0.6
PLAYLIST = post("/v1/playlists", {"listener_id": "somebody", "n": 20})
READY = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def slow(request: pytest.FixtureRequest, checkpoints: CheckpointStore, tmp_path: Path) -> Iterator[Service]:
    """A service whose answers take a while, and which lets a crowd wait for them."""
    with (
        running(find_server(), tmp_path / "store") as store,
        Proxy(store.nodes[0].connection_pool.connection_kwargs["port"]) as road,
        Service(
            checkpoints.root,
            tmp_path / "data",
            workers=request.param,
            redis_url=f"redis://127.0.0.1:{road.port}",
            patience_ms="60000",
            shutdown_s=str(SHUTDOWN_S),
        ) as service,
    ):
        road.latency_s = SLOWLY_S
        yield service


def keep_asking(service: Service, number: int, seen: Counter[str]) -> None:
    """Ask over one connection until told that it closes, over a new one then, until nobody listens any more."""
    turn = 0
    while True:
        try:
            caller = Caller(service.port)
        except ConnectionRefusedError:
            return
        with caller:
            last = False
            while not last:
                turn += 1
                try:
                    status, last = caller.ask(played(f"busy {number}", f"t{turn % 50}"))
                except (Gone, ConnectionError) as failure:
                    seen[f"unanswered: {failure!r}"] += 1
                    return
                seen[f"status {status}"] += 1
            seen["told"] += 1


@contextmanager
def talking(port: int, listener_id: str) -> Iterator[ClientConnection]:
    """Open a conversation and wait for its first ranking."""
    with connect(f"ws://127.0.0.1:{port}/v1/live", open_timeout=20) as talker:
        talker.send(json.dumps({"listener_id": listener_id, "n": 3}))
        assert json.loads(talker.recv(20))["type"] == "next"
        yield talker


def last_code(talker: ClientConnection) -> tuple[str, int | None]:
    """Listen until the other side closes; return what it said last, and with which code it closed."""
    said = ""
    with suppress(ConnectionClosed):
        while True:
            said = str(talker.recv(20))
    return json.loads(said)["reason"], talker.close_code


def drains(caller: Caller) -> None:
    """Ask /readyz until it says that the service ends, which is also the connection's last answer."""
    while (answer := caller.ask(READY)) != (503, True):
        assert answer == (200, False)
        threading.Event().wait(0.01)
    caller.wait_for_the_end()


def test_a_hundred_open_connections_are_answered_and_closed(slow: Service) -> None:
    """Busy, waiting for a slow answer, in the middle of a request, pipelining or idle: no reset, nothing unanswered."""
    seen: Counter[str] = Counter()
    # Of another listener for each caller: those of one wait for each other.
    requests = [played(f"halfway {number}", "t1") for number in range(10)]
    with ExitStack() as opened, ThreadPoolExecutor(40) as threads:

        def callers(count: int) -> list[Caller]:
            return [opened.enter_context(Caller(slow.port)) for _ in range(count)]

        asking = [threads.submit(keep_asking, slow, number, seen) for number in range(30)]
        waiting, in_body, in_head, pipelining, returning, idle, silent = (callers(10) for _ in range(7))
        for caller in idle:
            assert caller.ask(READY) == (200, False)
        for caller, request in zip(in_body, requests, strict=True):
            caller.send(request[:-10])
        for caller, request in zip(in_head, requests, strict=True):
            caller.send(request[:30])
        for caller in waiting:
            caller.send(PLAYLIST)
        for caller, request in zip(pipelining, requests, strict=True):
            caller.send(PLAYLIST + request + request)
        threading.Event().wait(0.2)
        processes = slow.descendants
        slow.terminate()
        began = time.monotonic()
        list(threads.map(drains, returning))
        for caller, request in zip(in_body, requests, strict=True):
            caller.send(request[-10:])
        for caller, request in zip(in_head, requests, strict=True):
            caller.send(request[30:] + request)
        for caller in in_body:
            assert caller.answer() == (200, True)
        for caller in in_head:
            assert [caller.answer(), caller.answer()] == [(200, False), (200, True)]
        for caller in waiting:
            assert caller.answer() == (200, True)
        for caller in pipelining:
            assert [caller.answer() for _ in range(3)] == [(200, False), (200, False), (200, True)]
        for caller in (*in_body, *in_head, *waiting, *pipelining, *idle, *silent):
            caller.wait_for_the_end()
        assert slow.wait() == 0
        assert time.monotonic() - began < SHUTDOWN_S
        for one in asking:
            one.result()
    assert set(seen) == {"status 200", "told"}
    assert seen["told"] >= 30
    assert processes
    until(lambda: not any(lives(pid) for pid in processes))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_hundred_open_streams_hear_good_bye(workers: int, checkpoints: CheckpointStore, tmp_path: Path) -> None:
    """Under load: every stream ends with `bye` and in order, nobody is reset, and the service keeps its deadline."""
    seen: Counter[str] = Counter()
    with (
        Service(checkpoints.root, tmp_path / "data", workers=workers, shutdown_s="10") as service,
        ExitStack() as opened,
        ThreadPoolExecutor(112) as threads,
    ):
        followers = [
            opened.enter_context(Follower(service.port, f"busy {n % 10}".replace(" ", "%20"))) for n in range(80)
        ]
        talkers = [opened.enter_context(talking(service.port, f"busy {n % 10}")) for n in range(20)]
        asking = [threads.submit(keep_asking, service, number, seen) for number in range(10)]
        until(lambda: seen["status 200"] > 100)
        service.terminate()
        began = time.monotonic()
        heard = [threads.submit(follower.last_words) for follower in followers]
        codes = [threads.submit(last_code, talker) for talker in talkers]
        assert service.wait() == 0
        assert time.monotonic() - began < 10
        for told in heard:
            assert told.result().count("event: bye\nretry: ") == 1
        assert {code.result() for code in codes} == {("draining", 1012)}
        for one in asking:
            one.result()
    assert set(seen) == {"status 200", "told"}


def test_a_request_that_never_ends_is_refused_at_the_deadline(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    """Its caller is told to come back; the session store has written everything when the service is gone."""
    data = tmp_path / "data"
    with Service(checkpoints.root, data, workers=1, shutdown_s="4") as service, Caller(service.port) as caller:
        caller.send(played("ann", "t1")[:-1])
        threading.Event().wait(0.2)
        service.terminate()
        assert caller.answer() == (503, True)
        caller.wait_for_the_end()
        assert service.wait() == 0
    assert "bye bye" in (data / "valkey" / "valkey.log").read_text(encoding="utf-8")


def test_all_processes_told_at_once_reset_nobody(checkpoints: CheckpointStore, tmp_path: Path) -> None:
    """As systemd does by default: no worker may stop listening before the parent has turned newcomers away."""
    seen: Counter[str] = Counter()
    with (
        running(find_server(), tmp_path / "redis") as server,
        Service(checkpoints.root, tmp_path / "data", workers=2, redis_url=server.url) as service,
        ThreadPoolExecutor(20) as threads,
    ):
        asking = [threads.submit(keep_asking, service, number, seen) for number in range(20)]
        until(lambda: seen["status 200"] > 100)
        for pid in (*service.descendants, service.pid):
            os.kill(pid, signal.SIGTERM)
        assert service.wait() == 0
        for one in asking:
            one.result()
    assert set(seen) == {"status 200", "told"}
