"""uvicorn with an end that resets nobody. Knows nothing of what it serves.

A listening socket that closes resets every caller who is connected and not yet accepted. So, in this order: callers
who come now are turned away (on Linux, before they are connected), those who wait are accepted and answered, and only
then does the socket close. The rest is between each connection and its caller (`draining.py`).
"""

import asyncio
import ctypes
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import uvicorn
from uvicorn.supervisors import multiprocess

from app.web.draining import DRAINING
from app.web.forking import new_process
from app.web.garbage import look_rarely

# What closing the stores, the collector and the session store may take of the time there is.
CLOSING_S = 3
# A handshake that has begun is over after one way there and back.
HANDSHAKE_S = 0.1
# The parent looks for signals every half second. Where all processes are told to end at once, as systemd and Ctrl-C do,
# the workers accept until it has turned newcomers away: its copy of the socket would take them in and never answer.
PARENT_S = 0.6
LONGEST_ACCEPTING_S = 2.0

_SO_ATTACH_FILTER = 26
# Classic BPF on the TCP header: load the flags, keep SYN and ACK of them, drop what is a SYN alone, pass the rest.
_NO_SYN = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


def serve(config: uvicorn.Config, *, also_at: tuple[str, int] | None = None) -> None:
    """Serve in this process, or in several watched over by this one, until told to end.

    `also_at` is a second address and port. Everything has ended within the `timeout_graceful_shutdown` of the
    configuration.
    """
    listening = [config.bind_socket()]
    if also_at is not None:
        listening.append(
            uvicorn.Config(config.app, host=also_at[0], port=also_at[1], log_level="warning").bind_socket()
        )
    if config.workers > 1:
        # uvicorn names the class of its workers and how they begin nowhere else.
        multiprocess.Process = Worker  # type: ignore[misc]
        multiprocess.get_subprocess = new_process  # type: ignore[attr-defined, assignment]
        Workers(config, sockets=listening).run()
        return
    config.load_app()
    server = Server(config)
    server.run(sockets=listening)
    if not server.started:
        sys.exit(uvicorn.config.STARTUP_FAILURE)


class Server(uvicorn.Server):
    """One process that answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._draining = asyncio.Event()
        self._deadline: threading.Timer | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to end."""
        try:
            super().run(sockets)
        finally:
            if self._deadline is not None:
                self._deadline.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open what the lifespan opens, and listen."""
        self.lifespan.state[DRAINING] = self._draining
        look_rarely()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept who waits, stop listening, answer what is open, close what the lifespan opened."""
        patience_s = self.config.timeout_graceful_shutdown or CLOSING_S
        # Whatever hangs, the process ends; the session store keeps what was acknowledged.
        self._deadline = threading.Timer(patience_s, os._exit, [1])
        self._deadline.daemon = True
        self._deadline.start()
        began = time.monotonic()
        self._draining.set()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        alone = self.config.workers == 1
        if alone:
            turn_away_newcomers(sockets or [])
        await _accepted(sockets or [], HANDSHAKE_S if alone else PARENT_S)
        left_s = began + patience_s - CLOSING_S - time.monotonic()
        self.config.timeout_graceful_shutdown = max(1, round(left_s))
        await super().shutdown(sockets)


class Worker(multiprocess.Process):
    """One of several processes that answer."""

    @property
    def server(self) -> uvicorn.Server:
        """The server of this process."""
        if self._server is None:
            self._server = Server(self.config)
        return self._server


class Workers(multiprocess.Multiprocess):
    """The parent that watches over the workers. It holds the listening socket too, and never accepts."""

    def terminate_all(self) -> None:
        """Turn newcomers away, let go of the socket, and tell every worker to end."""
        turn_away_newcomers(self.sockets)
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for every worker, and end what does not even keep its own deadline."""
        deadline = time.monotonic() + (self.config.timeout_graceful_shutdown or CLOSING_S) + 1
        for worker in self.processes:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
        super().join_all()


def turn_away_newcomers(sockets: Sequence[socket.socket]) -> None:
    """Drop what asks a listening socket for a new connection; handshakes that have begun go on.

    The caller's system asks again after a second and is refused by then. For every process that holds the socket;
    Linux only, elsewhere newcomers are accepted until the socket closes.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    for listening in sockets:
        with suppress(OSError):  # a kernel without filters
            listening.setsockopt(
                socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
            )


async def _accepted(sockets: Sequence[socket.socket], listen_on_s: float) -> None:
    """Go on accepting for a while, and then until nobody waits at the sockets."""
    waiting = select.poll()
    for listening in sockets:
        waiting.register(listening.fileno(), select.POLLIN)
    began = time.monotonic()
    await asyncio.sleep(listen_on_s)
    while waiting.poll(0) and time.monotonic() < began + LONGEST_ACCEPTING_S:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
