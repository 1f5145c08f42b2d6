"""Ports for the servers that tests start: each is given out once, below those the system gives to connections.

A port of the system's own range may be taken by somebody's connection between the look and the bind, or while a
killed server's place is kept for it; and a cluster node that is given the port of one that has gone is met by that
one's friends. Knows nothing of who listens.
"""

import itertools
import os
import socket
import zlib

_FIRST, _END = 10_000, 32_000

# Test processes side by side begin in different places, and go on from there.
_place = zlib.crc32(f"{os.environ.get('PYTEST_XDIST_WORKER')}-{os.getpid()}".encode()) % (_END - _FIRST)
_ports = itertools.cycle(range(_FIRST, _END))
_next_ports = itertools.islice(_ports, _place, None)


def free_port() -> int:
    """Return a port nobody listens on, and that none of this process's servers had before."""
    for port in _next_ports:
        with socket.socket() as probe:
            # As servers do: what is left of closed connections does not keep a port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("the ports never end")
