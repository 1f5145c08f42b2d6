"""The client for code that awaits: asyncio. What it does, step by step, is what `client.py` does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from segue_client.answers import Playlist, Recommendation, Told, Track
from segue_client.errors import Refused
from segue_client.flows import Flows, given
from segue_client.following import SILENCE_S, Following
from segue_client.hearing import Hearing
from segue_client.outbox import Outbox
from segue_client.patience import LATER, Flow, Patience, Pause, Send

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Result:
    """The end of a flow, as a value: StopIteration cannot pass between threads."""

    value: Any


def _taken(flow: Flow[Any], came: Any) -> Send | Pause | _Result:
    try:
        return flow.send(came)
    except StopIteration as end:
        return _Result(end.value)


class AsyncSegue:
    """One Segue at a URL. `outbox` is a file for events that could not be sent yet; use it with `async with`."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        outbox: str | Path | Outbox | None = None,
        patience: Patience | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self.outbox = outbox if isinstance(outbox, Outbox) else Outbox(outbox)
        self.patience = patience or Patience()
        self._flows = Flows(self.outbox, self.patience)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections and outbox; what waits there is sent by whoever opens it next."""
        await self._http.aclose()
        await asyncio.to_thread(self.outbox.close)

    def listener(self, listener_id: str, *, consent: bool = True) -> "AsyncListener":
        """Return a listener; without consent nothing is stored, neither here nor there."""
        return AsyncListener(self, listener_id, consent)

    async def search(self, query: str, *, limit: int = 20) -> tuple[Track, ...]:
        """Find tracks by title, artist or both; typos are forgiven."""
        return await self.run(self._flows.search(query, limit))

    async def playlist(
        self, seeds: Sequence[str | dict[str, Any]] = (), *, n: int | None = None, **asked: Any
    ) -> Playlist:
        """Play ahead of seeds (track ids, or `{"artist": …}` and the like), or of a `listener_id`.

        docs/api.md lists what else may be asked.
        """
        return await self.run(self._flows.playlist(given(seeds=seeds, n=n, **asked)))

    async def flush(self) -> int:
        """Send the events that wait; return how many. Raises Unavailable, and keeps them."""
        return await self.run(self._flows.flush())

    async def run(self, flow: Flow[_T]) -> _T:
        """Take the steps of a call, awaiting each."""
        came: httpx.Response | httpx.TransportError | None = None
        while True:
            # On a thread: a step may write to the outbox, and wait for the disk.
            step = await asyncio.to_thread(_taken, flow, came)
            if isinstance(step, _Result):
                result: _T = step.value
                return result
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                came = None
                continue
            try:
                came = await self._http.request(step.method, step.path, json=step.body, params=step.query)
            except httpx.TransportError as failure:
                came = failure

    async def follow(self, following: Following) -> AsyncIterator[Told]:
        """Read a stream over as many connections as it takes."""
        while not following.is_over:
            timeout = httpx.Timeout(self._http.timeout.connect, read=SILENCE_S)
            try:
                async with self._http.stream(
                    "GET", following.path, params=following.query, headers=following.headers, timeout=timeout
                ) as response:
                    if response.is_error and response.status_code not in LATER:
                        await response.aread()
                        raise Refused.of(response)
                    if response.is_success:
                        async for line in response.aiter_lines():
                            if (told := following.take(line)) is not None:
                                yield told
            except httpx.TransportError:
                pass  # the server or the way to it is gone: the next connection goes on where this one ended
            if not following.is_over:
                await asyncio.sleep(following.broke())


class AsyncListener:
    """One listener. What is reported is kept until the server has it; for one task at a time."""

    def __init__(self, segue: AsyncSegue, listener_id: str, consent: bool) -> None:
        self.listener_id = listener_id
        self._segue = segue
        self._consent = consent
        self._flows = Flows(segue.outbox, segue.patience)
        self._hearing = Hearing()

    async def next(self, n: int | None = None, **rules: Any) -> Recommendation:
        """Return what may come next; docs/api.md lists the rules of POST /v1/next."""
        asked = given(n=n, **rules)
        if self._consent:
            return await self._segue.run(self._flows.next(self.listener_id, self._hearing, asked))
        return await self._segue.run(self._flows.unstored(self._hearing, asked))

    async def played(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track is playing, and return what may come next."""
        return await self.report("played", track_id, n, **rules)

    async def finished(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was heard to its end."""
        return await self.report("finished", track_id, n, **rules)

    async def skipped(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was skipped: it does not come again in this session."""
        return await self.report("skipped", track_id, n, **rules)

    async def liked(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was liked."""
        return await self.report("liked", track_id, n, **rules)

    async def disliked(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was disliked: it never comes again."""
        return await self.report("disliked", track_id, n, **rules)

    async def report(self, kind: str, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report an event of any kind. Without the server the event is kept and the ranking is what is left of ours."""
        asked = given(n=n, **rules)
        if self._consent:
            return await self._segue.run(self._flows.report(self.listener_id, self._hearing, kind, track_id, asked))
        return await self._segue.run(self._flows.unstored(self._hearing, asked, kind, track_id))

    def stream(self, n: int | None = None, **asked: Any) -> AsyncIterator[Told]:
        """Yield the next tracks, and again whenever they change, until the listener is forgotten."""
        return self._segue.follow(Following(self.listener_id, given(n=n, **asked), self._segue.patience))

    async def forget(self) -> bool:
        """Have everything deleted that the server remembers; tell whether there was anything."""
        return await self._segue.run(self._flows.forget(self.listener_id))
