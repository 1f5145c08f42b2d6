"""A road to a server that the tests can spoil: slow, silent, cut in the middle of a reply. Bytes in, bytes out.

It stands between the service and its session store, on loopback. Knows nothing of what the bytes mean.
"""

import asyncio
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65536


class Proxy:
    """One listening port that leads to another; what is set on it holds from then on, for every connection.

    `latency_s` is what a round trip takes longer. While `silent`, bytes vanish in both directions and nobody is
    told, as when a firewall drops them. `cut_replies_at` closes a connection after that many bytes of a reply.
    """

    def __init__(self, target: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.latency_s = 0.0
        self.silent = False
        self.cut_replies_at: int | None = None
        self.port = 0
        self.cuts = 0
        self._tls = tls
        self._roads: set[_Road] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the proxy did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return len(self._roads)

    def heal(self) -> None:
        """Let everything through from now on; connections that went silent stay so."""
        self.latency_s, self.silent, self.cut_replies_at = 0.0, False, None

    def leave_half_open(self) -> int:
        """Make every connection there is a dead one that nobody is told of; new ones work. Return how many."""
        roads = tuple(self._roads)
        for road in roads:
            road.dead = True
        return len(roads)

    def close_all(self) -> None:
        """Close every connection, as when the proxy of an operator is restarted."""
        for road in tuple(self._roads):
            self._loop.call_soon_threadsafe(road.close)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ending.wait()
        server.close()
        for road in tuple(self._roads):
            road.close()
        while self._roads:
            await asyncio.sleep(0.01)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        road = _Road(self, writer, server_writer)
        self._roads.add(road)
        try:
            await asyncio.gather(
                road.carry(reader, server_writer, replies=False), road.carry(server_reader, writer, replies=True)
            )
        finally:
            road.close()
            self._roads.discard(road)


class _Road:
    """One connection through the proxy, from both ends."""

    def __init__(self, proxy: Proxy, *ends: asyncio.StreamWriter) -> None:
        self.dead = False
        self._proxy = proxy
        self._ends = ends

    def close(self) -> None:
        """Close both ends at once."""
        for end in self._ends:
            end.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool) -> None:
        """Carry bytes one way until that end closes; a dead road swallows that, too."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if self.dead or self._proxy.silent:
                    self.dead = True  # what vanished is not sent again: the rest would be no answer to anything
                    continue
                limit = self._proxy.cut_replies_at
                if replies and limit is not None and len(chunk) > limit:
                    writer.write(chunk[:limit])
                    await writer.drain()
                    self._proxy.cuts += 1
                    break
                asyncio.get_running_loop().call_later(self._proxy.latency_s / 2, _write, writer, chunk)
        if not (self.dead and replies):
            self.close()


def _write(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    if not writer.is_closing():
        writer.write(chunk)
