"""All open streams of one worker: who is told of what, and what becomes of all of them at once.

Only a notice of a change arrives here; the worker ranks by itself, and only where a stream is open. Knows nothing of
how notices travel and how streams are sent.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Protocol, Self

from app.domain.events import ListenerEvent
from app.domain.recommendation import Ask, Recommendation
from app.serving.live_stream import Bye, LiveStream

# After a swap every stream wants a ranking: they must not fill the queue of the model thread by themselves.
RANKED_AT_ONCE = 32
# A stream does not wait for longer than this to be told of changes; it then begins with what is known.
BEGIN_S = 1.0
# Two thousand readers whose server ends come back over this time, to the servers that stay.
RETRY_MS = (200, 2000)

_chance = Random()

DRAINING = "draining"
FORGOTTEN = "forgotten"


class Observing(Protocol):
    """The walk, as far as streams need it."""

    async def observe(self, listener_id: str, events: Sequence[ListenerEvent], ask: Ask) -> Recommendation:
        """Take in one listener's events and rank what may follow them."""


class Following(Protocol):
    """Who tells of changes."""

    def follow(self, listener_id: str) -> None:
        """Tell of this listener too."""

    def unfollow(self, listener_id: str) -> None:
        """Tell no more of this listener."""


class Live:
    """The open streams by listener. What it is told is answered by each stream when its reader is ready."""

    def __init__(self, recommender: Observing, notices: Following) -> None:
        self._recommender = recommender
        self._notices = notices
        self._streams: dict[str, list[LiveStream]] = {}
        self._room = asyncio.Semaphore(RANKED_AT_ONCE)
        self._is_away = True
        self._ending: Bye | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def __len__(self) -> int:
        return sum(map(len, self._streams.values()))

    @property
    def is_away(self) -> bool:
        """Whether changes go unnoticed now."""
        return self._is_away

    @property
    def followed(self) -> tuple[str, ...]:
        """Whose streams are open now."""
        return tuple(self._streams)

    @contextmanager
    def open(self, listener_id: str, ask: Ask, seen: str | None = None) -> Iterator[LiveStream]:
        """Follow a listener for one reader until the block ends."""
        stream = LiveStream(self, listener_id, ask, seen)
        followed = listener_id in self._streams
        self._streams.setdefault(listener_id, []).append(stream)
        if self._ending is not None:
            stream.end(self._ending)
        elif followed or self._is_away:
            stream.notice(None)
        else:
            self._notices.follow(listener_id)
        begin = asyncio.get_running_loop().call_later(BEGIN_S, stream.begin)
        try:
            yield stream
        finally:
            begin.cancel()
            self._closed(stream)

    async def rank(self, listener_id: str, events: Sequence[ListenerEvent], ask: Ask) -> Recommendation:
        """Take in events, if any, and rank, so many streams at a time."""
        async with self._room:
            return await self._recommender.observe(listener_id, events, ask)

    def noticed(self, listener_id: str, seq: int | None) -> None:
        """Have a listener's streams look again."""
        for stream in self._streams.get(listener_id, ()):
            stream.notice(seq)

    def forgotten(self, listener_id: str) -> None:
        """End a listener's streams: whoever listens under the id from now on is somebody else."""
        for stream in self._streams.get(listener_id, ()):
            stream.end(Bye(FORGOTTEN))

    def lost(self) -> None:
        """Have every stream say that changes go unnoticed."""
        self._is_away = True
        self.swapped()

    def found(self) -> None:
        """Follow those whose streams were opened meanwhile; each listener is noticed once nothing can be missed."""
        self._is_away = False
        for listener_id in self._streams:
            self._notices.follow(listener_id)

    def swapped(self, _checkpoint_id: str = "") -> None:
        """Have every stream look again, as the checkpoint that serves may be another."""
        for listener_id in self._streams:
            self.noticed(listener_id, None)

    def end_when(self, draining: asyncio.Event) -> None:
        """End every stream, and each that is opened later, once the event is set. Once is enough."""
        self._watch = self._watch or asyncio.create_task(self._end_when(draining), name="streams-end")

    async def _end_when(self, draining: asyncio.Event) -> None:
        await draining.wait()
        self._ending = Bye(DRAINING, RETRY_MS[1])
        for streams in self._streams.values():
            for stream in streams:
                stream.end(Bye(DRAINING, _chance.randint(*RETRY_MS)))

    def _closed(self, stream: LiveStream) -> None:
        left = [other for other in self._streams[stream.listener_id] if other is not stream]
        if left:
            self._streams[stream.listener_id] = left
        else:
            del self._streams[stream.listener_id]
            self._notices.unfollow(stream.listener_id)
