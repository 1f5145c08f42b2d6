"""Bytes over a socket, as no client library would send them."""

import json
import socket
from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType
from typing import Any

NONE: Mapping[str, str] = MappingProxyType({})


class Raw:
    """One connection to a port of this machine; use it as a context manager."""

    def __init__(self, port: int, *, timeout_s: float = 15.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """Send bytes, each part by itself, as far as the other side takes them."""
        try:
            for part in parts:
                self._socket.sendall(part)
        except OSError:
            pass  # the server has said what it had to say

    def finish(self) -> None:
        """Close our side."""
        self._socket.shutdown(socket.SHUT_WR)

    def rest(self) -> bytes:
        """Return all that comes until the server closes; fail when it never does."""
        received = b""
        try:
            while piece := self._socket.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received

    def seconds_to_end(self) -> float:
        """Return after how long the server closes."""
        began = monotonic()
        self.rest()
        return monotonic() - began


def status_of(answer: bytes) -> int:
    """Return the status of the first answer of a connection."""
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    return int(answer[9:12])


def problem_of(answer: bytes) -> dict[str, Any]:
    """Return the problem that a connection was answered with."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head.lower(), answer[:300]
    problem: dict[str, Any] = json.loads(body)
    return problem


def request(line: str, body: bytes = b"", headers: Mapping[str, str] = NONE) -> bytes:
    """Return the bytes of a request that asks for the connection to be closed."""
    told = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{line} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body
