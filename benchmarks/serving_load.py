"""The load: callers who come at fixed times, whatever the server does. One process, no thread, no coroutine.

    echo '{"port": 8000, "rates": [[1000, 60]], ...}' | python -m benchmarks.serving_load

When each request is due is fixed beforehand; its latency counts from then, so a server that is slow for a moment is
charged with all who came meanwhile (no coordinated omission). Prints one JSON object: the latencies, what failed, and
the whole answers to a few listeners. docs/decisions/serving.md says why this is no existing program.
"""

import json
import os
import select
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# Beyond it callers wait on our side of the network; they are late from the moment they were due all the same.
MOST_CONNECTIONS = 800
# select.select takes microseconds, where epoll and every event loop round up to whole milliseconds.
LONGEST_WAIT_S = 0.05
ANSWERED_WITHIN_S = 5.0
CUT_OFF = 599  # as a status: the connection ended before the answer did
KINDS = ("played", "finished", "skipped", "disliked")
SHARES = (0.80, 0.09, 0.10, 0.01)


@dataclass(frozen=True)
class Load:
    """Who asks for what. `rates` are pairs of requests a second and for how many seconds, one after the other.

    Listeners ask by Zipf's law, or each as often as any other (`evenly`).

    `track_ids` is a text file, one id a line, most popular first. Of one listener in `watched` all answers are kept.
    """

    port: int
    rates: list[tuple[float, float]]
    listeners: int
    track_ids: str
    artists: list[str]
    seed: int = 1
    watched: int = 400
    path: str = "/v1/next"
    evenly: bool = False

    def due_s(self) -> list[float]:
        """Return when each request is due, in seconds since the first."""
        due, began = [], 0.0
        for rate, seconds in self.rates:
            due += [began + number / rate for number in range(int(rate * seconds))]
            began += seconds
        return due


@dataclass
class Measured:
    """What came of it: latencies and statuses by request, -1 and 0 where there was no answer in time.

    `watched` holds pairs of a request and its answer; `stages_us` the mean of what Server-Timing told, in microseconds.
    """

    due_s: list[float]
    latencies_ms: list[float]
    statuses: list[int]
    seconds: float = 0.0
    connections: int = 0
    cpu_s: float = 0.0
    watched: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    stages_us: dict[str, float] = field(default_factory=dict)


class Asking:
    """Makes the requests: a listener who plays something popular or what the last answer offered."""

    def __init__(self, load: Load, count: int) -> None:
        draw = np.random.default_rng(load.seed)
        self._load = load
        tracks = Path(load.track_ids).read_text(encoding="utf-8").split("\n")[:-1]
        everybody = draw.integers(load.listeners, size=count) if load.evenly else zipf(draw, load.listeners, count)
        self._listeners = everybody.tolist()
        self._popular = [tracks[row] for row in zipf(draw, len(tracks), count).tolist()]
        self._unwanted = [tracks[row] for row in zipf(draw, len(tracks), count).tolist()]
        self._kinds = draw.choice(KINDS, count, p=SHARES).tolist()
        self._follows = (draw.random(count) < 0.7).tolist()
        self._nonce = os.urandom(4).hex()
        self._offered: dict[int, str] = {}
        self._head = (
            f"POST {load.path} HTTP/1.1\r\nhost: 127.0.0.1:{load.port}\r\ncontent-type: application/json\r\n"
            "content-length: "
        )

    def body(self, number: int) -> str:
        """Return the body of one request."""
        listener = self._listeners[number]
        track = (self._follows[number] and self._offered.get(listener)) or self._popular[number]
        artist = self._load.artists[number % len(self._load.artists)]
        return (
            f'{{"listener_id":"listener-{listener}","event":{{"type":"{self._kinds[number]}","track_id":"{track}",'
            f'"event_id":"{self._nonce}-{number}"}},"n":20,"exclude":["{self._unwanted[number]}"],'
            f'"exclude_artists":["{artist}"],"artist_gap":1}}'
        )

    def wire(self, body: str) -> bytes:
        """Return the request as it goes out."""
        data = body.encode()
        return f"{self._head}{len(data)}\r\n\r\n".encode() + data

    def is_watched(self, number: int) -> bool:
        """Tell whether the answer is to be kept; the most active listeners are among them."""
        return self._listeners[number] % self._load.watched == 0

    def answered(self, number: int, answer: bytes) -> None:
        """Remember what was offered first; it is what most play next."""
        begin = answer.find(b'"track_id":"') + 12
        if begin > 12:
            self._offered[self._listeners[number]] = answer[begin : answer.find(b'"', begin)].decode()


def zipf(draw: np.random.Generator, size: int, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Draw ranks below `size`, the r-th with a chance proportional to 1/r."""
    shares = np.cumsum(1.0 / np.arange(1, size + 1))
    return np.searchsorted(shares, draw.random(count) * shares[-1]).astype(np.int64)


class Callers:
    """Open connections to the server: idle ones, and those that wait for an answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.ready = select.epoll()
        self.idle: list[socket.socket] = []
        self.open: dict[int, socket.socket] = {}

    def free(self) -> socket.socket | None:
        """Return a connection that waits for nothing, a new one if need be; None when there are enough."""
        if self.idle:
            return self.idle.pop()
        if len(self.open) >= MOST_CONNECTIONS:
            return None
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self.open[connection.fileno()] = connection
        self.ready.register(connection.fileno(), select.EPOLLIN)
        return connection

    def drop(self, connection: socket.socket) -> None:
        """Close a connection that is no good any more."""
        self.ready.unregister(connection.fileno())
        del self.open[connection.fileno()]
        connection.close()


def run(load: Load) -> Measured:
    """Send every request when it is due and wait for the last answers."""
    due = load.due_s()
    count = len(due)
    asking, callers = Asking(load, count), Callers(load.port)
    measured = Measured(due, [-1.0] * count, [0] * count)
    asked: dict[int, tuple[int, str, bytes]] = {}  # by connection: number, body, what came of the answer so far
    late: deque[int] = deque()
    stages: dict[str, list[float]] = {}
    ends = due[-1] + ANSWERED_WITHIN_S
    cpu, began, sent = time.process_time(), time.perf_counter(), 0
    while True:
        now = time.perf_counter() - began
        while sent < count and due[sent] <= now:
            late.append(sent)
            sent += 1
        while late and (connection := callers.free()) is not None:
            number = late.popleft()
            body = asking.body(number)
            try:
                connection.send(asking.wire(body))
            except OSError:
                callers.drop(connection)
                late.appendleft(number)
                continue
            asked[connection.fileno()] = (number, body, b"")
        if sent == count and not late and not asked:
            break
        if now > ends:
            break
        wait = due[sent] - (time.perf_counter() - began) if sent < count else LONGEST_WAIT_S
        if wait > 0:
            select.select([callers.ready], [], [], min(wait, LONGEST_WAIT_S))
        for descriptor, _ in callers.ready.poll(0):
            connection = callers.open[descriptor]
            try:
                data = connection.recv(1 << 18)
            except OSError:
                data = b""
            if descriptor not in asked:  # nothing was asked: the server closes an idle connection
                if not data:
                    if connection in callers.idle:
                        callers.idle.remove(connection)
                    callers.drop(connection)
                continue
            number, body, before = asked[descriptor]
            answer = before + data
            status = _whole(answer) if data else CUT_OFF
            if status is None:
                asked[descriptor] = (number, body, answer)
                continue
            del asked[descriptor]
            measured.latencies_ms[number] = round((time.perf_counter() - began - due[number]) * 1e3, 3)
            measured.statuses[number] = status
            if status == CUT_OFF or b"\r\nconnection: close" in answer:
                callers.drop(connection)
            else:
                callers.idle.append(connection)
            if status == 200:
                asking.answered(number, answer)
                if number % 16 == 0:
                    _note_stages(answer, stages)
                if asking.is_watched(number):
                    measured.watched.append((json.loads(body), json.loads(answer.partition(b"\r\n\r\n")[2])))
            elif len(measured.refusals) < 5:
                measured.refusals.append(answer[:600].decode("utf-8", "replace"))
    measured.seconds = time.perf_counter() - began
    measured.cpu_s = time.process_time() - cpu
    measured.connections = len(callers.open)
    measured.stages_us = {stage: float(np.mean(times)) for stage, times in stages.items()}
    return measured


def _whole(answer: bytes) -> int | None:
    """Return the status of an answer that has come whole."""
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return None
    place = answer.find(b"content-length: ", 0, head)
    length = int(answer[place + 16 : answer.find(b"\r", place)])
    return int(answer[9:12]) if len(answer) >= head + 4 + length else None


def _note_stages(answer: bytes, stages: dict[str, list[float]]) -> None:
    place = answer.find(b"server-timing: ")
    if place < 0:
        return
    for part in answer[place + 15 : answer.find(b"\r", place)].decode().split(", "):
        stage, _, milliseconds = part.partition(";dur=")
        stages.setdefault(stage, []).append(float(milliseconds) * 1e3)


if __name__ == "__main__":
    json.dump(asdict(run(Load(**json.load(sys.stdin)))), sys.stdout)
