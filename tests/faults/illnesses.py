"""What can befall a session store, each brought about on a real server and taken back.

Knows nothing of what a service makes of it.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.faults.proxy import Proxy
from tests.ports import free_port
from tests.stores.conftest import Server, until


@dataclass(frozen=True)
class Case:
    """A server, its folder, and the road that leads to it."""

    server: Server
    folder: Path
    proxy: Proxy

    @property
    def node(self) -> Any:
        """A client of the server itself, beside the road."""
        return self.server.nodes[0]


@dataclass(frozen=True)
class Illness:
    """How to bring it about for the length of a `with`, what callers are told of it, and whether reads still work."""

    during: Callable[[Case], AbstractContextManager[None]]
    told: str
    reads: bool = False


@contextmanager
def stopped(case: Case) -> Iterator[None]:
    """The process hangs: connections are taken, nothing is answered."""
    case.server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        case.server.signal(signal.SIGCONT)


@contextmanager
def silent(case: Case) -> Iterator[None]:
    """A firewall drops every packet."""
    case.proxy.silent = True
    yield
    case.proxy.heal()


@contextmanager
def unreachable(case: Case) -> Iterator[None]:
    """Nobody listens at the address."""
    port, case.proxy.target = case.proxy.target, free_port()
    case.proxy.close_all()
    yield
    case.proxy.target = port


@contextmanager
def cut_off(case: Case) -> Iterator[None]:
    """Every connection breaks in the middle of its first reply."""
    case.proxy.cut_replies_at = 2
    yield
    assert case.proxy.cuts
    case.proxy.heal()


@contextmanager
def replica(case: Case) -> Iterator[None]:
    """READONLY: a fail-over made another server the master."""
    case.node.replicaof("127.0.0.1", free_port())
    yield
    case.node.replicaof("NO", "ONE")


@contextmanager
def masterless(case: Case) -> Iterator[None]:
    """MASTERDOWN: a replica that lost its master and does not answer from what is stale."""
    case.node.config_set("replica-serve-stale-data", "no")
    with replica(case):
        yield


@contextmanager
def full(case: Case) -> Iterator[None]:
    """OOM: at maxmemory with noeviction."""
    case.node.config_set("maxmemory", 1)
    yield
    case.node.config_set("maxmemory", 0)


@contextmanager
def without_replicas(case: Case) -> Iterator[None]:
    """NOREPLICAS: too few replicas for min-replicas-to-write."""
    case.node.config_set("min-replicas-to-write", 1)
    yield
    case.node.config_set("min-replicas-to-write", 0)


@contextmanager
def unable_to_save(case: Case) -> Iterator[None]:
    """MISCONF: snapshots fail, so writes are refused."""
    (case.folder / "dump.rdb").mkdir()
    case.node.config_set("save", "3600 1")
    case.node.bgsave()
    until(lambda: case.node.info("persistence")["rdb_last_bgsave_status"] == "err")
    yield
    (case.folder / "dump.rdb").rmdir()
    case.node.bgsave()
    until(lambda: case.node.info("persistence")["rdb_last_bgsave_status"] == "ok")


@contextmanager
def forbidden(case: Case) -> Iterator[None]:
    """NOPERM: an operator took a right away."""
    case.node.execute_command("ACL", "SETUSER", "default", "-set")
    yield
    case.node.execute_command("ACL", "SETUSER", "default", "+set")


@contextmanager
def locked(case: Case) -> Iterator[None]:
    """NOAUTH: a password was set that the service does not have."""
    case.node.config_set("requirepass", "secret")
    case.proxy.close_all()
    yield
    case.node.config_set("requirepass", "")


@contextmanager
def busy(case: Case) -> Iterator[None]:
    """BUSY: a script of somebody else's runs for ever."""
    case.node.config_set("busy-reply-threshold", 20)
    hog = threading.Thread(target=_hog, args=(case.node,))
    hog.start()
    with Redis(port=int(case.server.url.rpartition(":")[2])) as beside:
        until(lambda: "busy" in _refusal(beside))
        yield
        beside.script_kill()
    hog.join()


def _hog(node: Any) -> None:
    try:
        node.eval("while true do end", 0)
    except RedisError:
        return


@contextmanager
def loading(case: Case) -> Iterator[None]:
    """LOADING: the server reads its data again and takes its time."""
    # It looks up from its reading every 100 kB or so, which is 0.2 s of it; for six seconds if need be.
    case.node.mset({f"other:{number}": os.urandom(1000) for number in range(3_000)})
    case.node.config_set("loading-process-events-interval-bytes", 1024)
    case.node.config_set("key-load-delay", 2000)
    reload = threading.Thread(target=_reload, args=(case.node,))
    reload.start()
    with Redis(port=int(case.server.url.rpartition(":")[2])) as beside:
        until(lambda: "loading" in _refusal(beside).lower())
        yield
        beside.config_set("key-load-delay", 0)
    reload.join()


def _reload(node: Any) -> None:
    with Redis(port=node.connection_pool.connection_kwargs["port"], socket_timeout=None) as own:
        own.execute_command("DEBUG", "RELOAD")


def _refusal(client: Redis) -> str:
    try:
        client.get("anything")
    except RedisError as refusal:
        return str(refusal)
    return ""


ILLNESSES = {
    "stopped": Illness(stopped, "does not answer in time"),
    "silent": Illness(silent, "does not answer in time"),
    "unreachable": Illness(unreachable, "cannot be reached"),
    "cut off in a reply": Illness(cut_off, "cannot be reached"),
    "LOADING": Illness(loading, "is still reading its data"),
    "BUSY": Illness(busy, "is held up by a script"),
    "MASTERDOWN": Illness(masterless, "has lost its master"),
    "NOAUTH": Illness(locked, "asks for a password"),
    "READONLY": Illness(replica, "is a replica that takes no writes", reads=True),
    "OOM": Illness(full, "has reached maxmemory", reads=True),
    "MISCONF": Illness(unable_to_save, "cannot save to its disk", reads=True),
    "NOREPLICAS": Illness(without_replicas, "has too few replicas", reads=True),
    "NOPERM": Illness(forbidden, "does not let this user do that", reads=True),
}
