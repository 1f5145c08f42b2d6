"""The servers the session store must work with: really started, on this machine, ended with the tests."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import MovedError, RedisError

from app.domain.events import EventKind, ListenerEvent
from app.domain.session import ListenerSession, SessionLimits
from app.errors import SessionStoreUnavailable
from app.stores import tethered
from app.stores.embedded import EmbeddedServer, find_server
from app.stores.session_store import SessionStore
from tests.ports import free_port

START = 1_700_000_000.0
# The Redis or Valkey that the system's packages brought. Every test of `server` runs on it, too, where there is one.
DISTRIBUTION = shutil.which("redis-server") or shutil.which("valkey-server")
LIMITS = SessionLimits(recent_tracks=200, event_ids=200)


def until(happened: Callable[[], object], patience_s: float = 10.0) -> None:
    """Wait until something has happened; fail when it does not."""
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Tell whether a process runs; a dead one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def after(session: ListenerSession, event_id: str, *, at: float = START) -> ListenerSession:
    """Return the session after one more track."""
    event = ListenerEvent(event_id, session.listener_id, EventKind.PLAYED, f"track {event_id}", at)
    return session.after(event, known=True, now=at, limits=LIMITS)[0]


async def committed(store: SessionStore, listener_id: str, events: int = 1) -> ListenerSession:
    """Store a listener after some events and return the session."""
    session = await store.load(listener_id)
    for number in range(events):
        later = after(session, f"event {session.seq}", at=START + number)
        await store.commit(later, expected=session)
        session = later
    return session


def new_listener() -> str:
    """Return an id no other test uses; the servers are shared."""
    return f"listener {uuid.uuid4()}"


async def take_in(store: SessionStore, listener: str) -> ListenerSession:
    """Take in one event and return the session after it."""
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


@dataclass(frozen=True)
class Server:
    """A running server or cluster: where the store connects, and a plain client to each of its nodes."""

    url: str
    nodes: tuple[Redis, ...]
    pids: tuple[int, ...] = ()

    def holder(self, key: bytes) -> Redis:
        """Return the client of the node that holds a key."""
        return next(node for node in self.nodes if _exists(node, key))

    def exists(self, key: bytes) -> bool:
        """Tell whether any node has the key."""
        return any(_exists(node, key) for node in self.nodes)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every node's process."""
        for pid in self.pids:
            os.kill(pid, number)


def _exists(node: Redis, key: bytes) -> bool:
    try:
        return bool(node.exists(key))
    except MovedError:  # its slot is another node's
        return False


@contextmanager
def running(
    program: Path | str, folder: Path, *options: str, port: int | None = None, patient: bool = True
) -> Iterator[Server]:
    """Start one server on a loopback port and, if `patient`, wait until it serves; it ends with the tests."""
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", tethered.__file__, str(os.getpid()), *command], stdout=log, stderr=log
        )
    client = Redis(port=port, socket_timeout=5)
    try:
        until(lambda: process.poll() is not None or not patient or _answers(client))
        assert process.poll() is None, (folder / "log").read_text()
        yield Server(f"redis://127.0.0.1:{port}", (client,), (process.pid,))
    finally:
        client.close()
        process.kill()
        process.wait()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@contextmanager
def running_cluster(folder: Path, nodes: int = 3) -> Iterator[Server]:
    """Start a cluster that shares the 16,384 slots evenly and has no replicas."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(nodes)]
        buses = [free_port() for _ in range(nodes)]
        servers = [
            stack.enter_context(
                running(
                    find_server(),
                    folder / str(port),
                    *("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "5000"),
                    *("--cluster-require-full-coverage", "no"),
                    port=port,
                )
            )
            for port, bus in zip(ports, buses, strict=True)
        ]
        clients: list[Any] = [server.nodes[0] for server in servers]
        bounds = [16384 * place // nodes for place in range(nodes + 1)]
        for place, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[place], bounds[place + 1] - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        for place, client in enumerate(clients):
            for port, bus in zip(ports[:place], buses[:place], strict=True):
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        for client in clients:
            until(lambda client=client: _whole(client, nodes), 30.0)  # type: ignore[misc]
        yield Server(
            "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports),
            tuple(clients),
            tuple(server.pids[0] for server in servers),
        )


def _whole(client: Any, nodes: int) -> bool:
    info = str(client.execute_command("CLUSTER", "INFO"))
    return "cluster_slots_ok:16384" in info and f"cluster_size:{nodes}" in info and "cluster_state:ok" in info


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server Segue starts by itself."""
    with EmbeddedServer(tmp_path_factory.mktemp("embedded")) as server:
        assert server.pid is not None
        with Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
            yield Server(server.url, (client,), (server.pid,))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Three masters of the same program."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as server:
        yield server


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the system's own."""
    assert DISTRIBUTION is not None
    with running(DISTRIBUTION, tmp_path_factory.mktemp("distribution")) as server:
        yield server


@pytest.fixture(params=["embedded", "cluster", *(["distribution"] if DISTRIBUTION else [])])
def server(request: pytest.FixtureRequest) -> Server:
    """Each kind of server in turn: one contract for all."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def store(server: Server) -> AsyncIterator[SessionStore]:
    """A store on each kind of server."""
    store = SessionStore.connect(server.url, ttl_s=600, timeout_s=5.0)
    yield store
    await store.aclose()
