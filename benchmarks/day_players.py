"""Plays the sessions of a day over HTTP, each event in its time, and notes what came of every request.

Time runs faster than on the wall, and events say when they would have happened. Knows nothing of what serves.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from benchmarks.day_listeners import Listening

SUGGESTED = 20
_AT_ONCE = 32


@dataclass(frozen=True)
class Clock:
    """A day that begins at `opens_s` after `midnight` (unix seconds) and runs `speed` times as fast as the wall."""

    midnight: float
    opens_s: float
    speed: float
    opened: float = field(default_factory=time.monotonic)

    @property
    def now_s(self) -> float:
        """Seconds after midnight."""
        return self.opens_s + (time.monotonic() - self.opened) * self.speed

    def moment(self, at_s: float) -> str:
        """Return a time of the day as RFC 3339."""
        return datetime.fromtimestamp(self.midnight + at_s, UTC).isoformat(timespec="milliseconds")

    async def until(self, at_s: float) -> None:
        """Wait for a time of the day; one that has passed is not waited for."""
        await asyncio.sleep(max(0.0, (at_s - self.now_s) / self.speed))


@dataclass(frozen=True, slots=True)
class Note:
    """One request: when in the day it was answered, how long that took, which checkpoint ranked.

    `foreseen` tells whether the track that was played stood among those suggested before it; None for the first track
    of a session. `ranked_by` is the checkpoint that had suggested.
    """

    at_s: float
    took_ms: float
    ranked_by: str
    foreseen: bool | None


@dataclass
class Notes:
    """What came of all requests; `failures` says what went wrong in words."""

    notes: list[Note] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _awaited: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many were sent."""
        return len(self.notes) + len(self.failures)

    def add(self, note: Note) -> None:
        """Keep the note of a request that was answered."""
        self.notes.append(note)
        for enough, reached in self._awaited:
            if len(self.notes) >= enough:
                reached.set()

    async def more(self, requests: int) -> None:
        """Wait until so many more are answered than now."""
        reached = asyncio.Event()
        self._awaited.append((len(self.notes) + requests, reached))
        await reached.wait()


class Players:
    """Everybody who listens: sessions begin in their time, until they are told that the day is over."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock, notes: Notes) -> None:
        self._http = http
        self._clock = clock
        self._notes = notes
        self._over = asyncio.Event()
        self._free = asyncio.Semaphore(_AT_ONCE)
        # One session after the other, however late the day may run.
        self._listening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def end(self) -> None:
        """End the day: whoever listens finishes the request that is under way."""
        self._over.set()

    async def play(self, sessions: Iterable[Listening]) -> None:
        """Play sessions, which come in the order they begin, until the last or until the day is over."""
        async with asyncio.TaskGroup() as listening:
            for session in sessions:
                await self._clock.until(session.times_s[0])
                if self._over.is_set():
                    return
                listening.create_task(self._play(session))

    async def _play(self, session: Listening) -> None:
        async with self._listening[session.listener_id]:
            await self._play_through(session)

    async def _play_through(self, session: Listening) -> None:
        suggested: frozenset[str] | None = None
        ranked_by = ""
        for place, (track_id, at_s) in enumerate(zip(session.track_ids, session.times_s, strict=True)):
            await self._clock.until(at_s)
            if self._over.is_set():
                return
            event = {
                "type": "played",
                "track_id": track_id,
                "event_id": f"{session.listener_id}-{session.times_s[0]:.0f}-{place}",
                "at": self._clock.moment(at_s),
            }
            body = {"listener_id": session.listener_id, "event": event, "n": SUGGESTED}
            async with self._free:
                began = time.perf_counter()
                try:
                    answer = await self._http.post("/v1/next", json=body)
                except httpx.HTTPError as failure:
                    self._notes.failures.append(repr(failure))
                    return
                took_ms = (time.perf_counter() - began) * 1e3
            if answer.status_code != httpx.codes.OK:
                self._notes.failures.append(f"{answer.status_code} {answer.text[:200]}")
                return
            told = answer.json()
            outcome = told["events"][0]["outcome"]
            if told["degraded"] or outcome != "applied":
                self._notes.failures.append(f"degraded: {told['degraded']}, the event: {outcome}")
                return
            foreseen = None if suggested is None else track_id in suggested
            self._notes.add(Note(self._clock.now_s, took_ms, ranked_by, foreseen))
            suggested = frozenset(track["track_id"] for track in told["tracks"])
            ranked_by = told["checkpoint_id"]
