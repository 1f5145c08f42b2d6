"""Callers over plain sockets: they see what HTTP clients hide, such as resets and requests that nobody answered."""

import json
import re
import select
import socket
from typing import Any, Self


class Gone(Exception):
    """The other side closed, in order, before there was an answer."""


class Caller:
    """One connection to the service."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send some bytes of a request, or of several."""
        self._socket.sendall(data)

    def answer(self) -> tuple[int, bool]:
        """Return the status of the next answer, and whether it says that it is the last. Raise `Gone`."""
        while b"\r\n\r\n" not in self._held:
            self._more()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head.lower())
        assert length, head
        while len(self._held) < int(length[1]):
            self._more()
        self._held = self._held[int(length[1]) :]
        return int(head.split()[1]), b"\r\nconnection: close" in head.lower()

    def ask(self, request: bytes) -> tuple[int, bool]:
        """Send a request and return its answer."""
        self.send(request)
        return self.answer()

    def is_closed(self) -> bool:
        """Tell whether the other side has closed, as far as this side knows by now."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        return bool(readable) and not self._socket.recv(1, socket.MSG_PEEK)

    def wait_for_the_end(self) -> None:
        """Wait until the other side closes in order; a reset raises."""
        assert self._socket.recv(1) == b""

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Gone
        self._held += data


class Follower(Caller):
    """One connection that follows a listener by server-sent events."""

    def __init__(self, port: int, listener_id: str) -> None:
        super().__init__(port)
        self.send(f"GET /v1/listeners/{listener_id}/stream?n=3 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while b"event: next" not in self._held:
            self._more()

    def last_words(self) -> str:
        """Read until the other side closes in order, and return what it told; a reset raises, as does half an end."""
        while data := self._socket.recv(65536):
            self._held += data
        assert self._held.endswith(b"\r\n0\r\n\r\n"), self._held[-200:]
        return self._held.decode()


def post(path: str, body: dict[str, Any]) -> bytes:
    """Return the bytes of a request on a connection that is kept."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def played(listener_id: str, track_id: str) -> bytes:
    """Return the bytes of POST /v1/next with one played track."""
    return post("/v1/next", {"listener_id": listener_id, "event": {"type": "played", "track_id": track_id}, "n": 3})
