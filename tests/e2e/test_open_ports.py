"""What a stranger's port scan finds of an install as it comes: one door, for this machine only."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.service import Service

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads open ports from /proc")

LISTENS = "0A"
LOOPBACK = "0100007F"  # 127.0.0.1 as /proc writes it, lowest byte first


def sockets_of(pid: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            name = str(link.readlink())
            if name.startswith("socket:["):
                inodes.add(name[len("socket:[") : -1])
    return inodes


def open_ports(pids: list[int]) -> set[tuple[str, str, int]]:
    """Return protocol, address and port of all that these processes listen to."""
    own = set[str]().union(*map(sockets_of, pids))
    found = set()
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        table = Path(f"/proc/net/{protocol}")
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[9] in own and (protocol.startswith("udp") or fields[3] == LISTENS):
                address, port = fields[1].split(":")
                found.add((protocol, address, int(port, 16)))
    return found


def test_one_door_is_open_and_only_to_this_machine(service: Service) -> None:
    """Two workers, session store, collector and training worker: none of them has a port beside it."""
    pids = [service.pid, *service.descendants]
    assert len(pids) > 3
    assert open_ports(pids) == {("tcp", LOOPBACK, service.port)}


def test_another_open_port_would_be_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        assert ("tcp", LOOPBACK, door.getsockname()[1]) in open_ports([os.getpid()])
