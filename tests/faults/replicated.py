"""Servers with replicas, on loopback: a master watched by three Sentinels, and a cluster of six nodes.

Each test starts its own: a master that was killed stays dead.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from app.stores import tethered
from app.stores.embedded import find_server
from app.stores.keys import session_key
from tests.faults.proxy import Proxy
from tests.ports import free_port
from tests.stores.conftest import Server, new_listener, running, until

NODE_TIMEOUT_MS = 2000
SLOTS = 16384


@dataclass(frozen=True)
class Sentinels:
    """A master, a replica, and the Sentinels that make it the master when the first is gone."""

    url: str
    master: Server
    replica: Server
    pids: tuple[int, ...]

    def promoted(self) -> bool:
        """Tell whether the replica is master by now."""
        return str(self.replica.nodes[0].role()[0]) == "b'master'"


@contextmanager
def running_sentinels(folder: Path, *options: str, link: Proxy | None = None) -> Iterator[Sentinels]:
    """Start master, replica and three Sentinels that need two of them to agree; `options` are the two servers'.

    The replica follows over the `link`, if there is one.
    """
    with ExitStack() as stack:
        master = stack.enter_context(running(find_server(), folder / "master", *options))
        followed = port_of(master)
        if link is not None:
            link.target, followed = followed, link.port
        behind = ("--replicaof", "127.0.0.1", str(followed), "--repl-diskless-sync-delay", "0")
        replica = stack.enter_context(running(find_server(), folder / "replica", *options, *behind))
        until(lambda: replica.nodes[0].info("replication")["master_link_status"] == "up", 20)
        ports = [free_port() for _ in range(3)]
        pids = tuple(stack.enter_context(_sentinel(folder, port, port_of(master))) for port in ports)
        for port in ports:
            with Redis(port=port) as sentinel:
                until(lambda sentinel=sentinel: _knows_all(sentinel), 20)  # type: ignore[misc]
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield Sentinels(f"redis+sentinel://{hosts}/radio", master, replica, pids)


def port_of(server: Server) -> int:
    """Return the port a server listens on."""
    return int(server.url.rpartition(":")[2])


@contextmanager
def _sentinel(folder: Path, port: int, master: int) -> Iterator[int]:
    settings = folder / f"sentinel-{port}.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
        f"sentinel monitor radio 127.0.0.1 {master} 2\n"
        "sentinel down-after-milliseconds radio 1000\nsentinel failover-timeout radio 5000\n"
    )
    tether = [sys.executable, "-I", "-S", tethered.__file__, str(os.getpid())]
    command = [*tether, str(find_server()), str(settings), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as watching:
        yield watching.pid
        watching.kill()


def _knows_all(sentinel: Any) -> bool:
    try:
        state = sentinel.sentinel_master("radio")
    except RedisError:
        return False
    return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2)


@dataclass(frozen=True)
class SixNodes:
    """A cluster of three masters, and a replica of each at the same place of `replicas`."""

    url: str
    masters: tuple[Server, ...]
    replicas: tuple[Server, ...]

    def listener_of(self, master: int) -> str:
        """Return a new listener whose key this master holds."""
        while True:
            listener = new_listener()
            if key_slot(session_key(listener)) * len(self.masters) // SLOTS == master:
                return listener

    def move(self, listener_id: str, *, giver: int, taker: int) -> None:
        """Hand the slot of a listener's keys over, key by key, as a reshard does."""
        slot = key_slot(session_key(listener_id))
        old, new = self.masters[giver].nodes[0], self.masters[taker].nodes[0]
        names = {node: _asked(node, "MYID").decode() for node in (old, new)}
        _asked(new, "SETSLOT", slot, "IMPORTING", names[old])
        _asked(old, "SETSLOT", slot, "MIGRATING", names[new])
        while keys := _asked(old, "GETKEYSINSLOT", slot, 10):
            for key in keys:
                old.migrate("127.0.0.1", port_of(self.masters[taker]), key, 0, 2000)
        for node in (new, old, *(server.nodes[0] for server in self.masters)):
            _asked(node, "SETSLOT", slot, "NODE", names[new])


def _asked(node: Any, *words: object) -> Any:
    return node.execute_command("CLUSTER", *words)


@contextmanager
def running_six(folder: Path) -> Iterator[SixNodes]:
    """Start a cluster that shares the slots evenly over three masters with a replica each."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(6)]
        buses = [free_port() for _ in range(6)]
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS)]
        options += ["--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"]
        servers = [
            stack.enter_context(
                running(find_server(), folder / str(port), *options, "--cluster-port", str(bus), port=port)
            )
            for port, bus in zip(ports, buses, strict=True)
        ]
        nodes: list[Any] = [server.nodes[0] for server in servers]
        for place, node in enumerate(nodes):  # before they meet: whoever knows others may take an epoch by itself
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        for place, node in enumerate(nodes):
            for port, bus in zip(ports[:place], buses[:place], strict=True):
                node.execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        bounds = [SLOTS * place // 3 for place in range(4)]
        for place in range(3):
            nodes[place].execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[place], bounds[place + 1] - 1)
        for place in range(3):
            name = nodes[place].execute_command("CLUSTER", "MYID").decode()
            until(lambda place=place, name=name: _follows(nodes[place + 3], name), 30)  # type: ignore[misc]
        for node in nodes:
            until(lambda node=node: _whole(node), 30)  # type: ignore[misc]
        for node in nodes[3:]:
            until(lambda node=node: node.info("replication")["master_link_status"] == "up", 30)  # type: ignore[misc]
        seeds = ",".join(f"127.0.0.1:{port}" for port in ports[:3])
        yield SixNodes(f"redis+cluster://{seeds}", tuple(servers[:3]), tuple(servers[3:]))


def _follows(node: Any, master: str) -> bool:
    try:
        node.execute_command("CLUSTER", "REPLICATE", master)
    except RedisError:  # it has not met the master yet
        return False
    return True


def _whole(node: Any) -> bool:
    info = str(node.execute_command("CLUSTER", "INFO"))
    nodes = node.execute_command("CLUSTER", "NODES")
    return "cluster_slots_ok:16384" in info and "cluster_state:ok" in info and str(nodes).count("slave") >= 3
