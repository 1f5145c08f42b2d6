"""The client for code that waits: scripts, threads, WSGI."""

import time
from collections.abc import Iterator, Sequence
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
from segue_client.patience import LATER, Flow, Patience, Pause

_T = TypeVar("_T")


class Segue:
    """One Segue at a URL. `outbox` is a file for events that could not be sent yet; use it with `with`."""

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
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and outbox; what waits there is sent by whoever opens it next."""
        self._http.close()
        self.outbox.close()

    def listener(self, listener_id: str, *, consent: bool = True) -> "Listener":
        """Return a listener; without consent nothing is stored, neither here nor there."""
        return Listener(self, listener_id, consent)

    def search(self, query: str, *, limit: int = 20) -> tuple[Track, ...]:
        """Find tracks by title, artist or both; typos are forgiven."""
        return self.run(self._flows.search(query, limit))

    def playlist(self, seeds: Sequence[str | dict[str, Any]] = (), *, n: int | None = None, **asked: Any) -> Playlist:
        """Play ahead of seeds (track ids, or `{"artist": …}` and the like), or of a `listener_id`.

        docs/api.md lists what else may be asked.
        """
        return self.run(self._flows.playlist(given(seeds=seeds, n=n, **asked)))

    def flush(self) -> int:
        """Send the events that wait; return how many. Raises Unavailable, and keeps them."""
        return self.run(self._flows.flush())

    def run(self, flow: Flow[_T]) -> _T:
        """Take the steps of a call, waiting for each."""
        came: httpx.Response | httpx.TransportError | None = None
        while True:
            try:
                step = flow.send(came)
            except StopIteration as end:
                result: _T = end.value
                return result
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                came = None
                continue
            try:
                came = self._http.request(step.method, step.path, json=step.body, params=step.query)
            except httpx.TransportError as failure:
                came = failure

    def follow(self, following: Following) -> Iterator[Told]:
        """Read a stream over as many connections as it takes."""
        while not following.is_over:
            timeout = httpx.Timeout(self._http.timeout.connect, read=SILENCE_S)
            try:
                with self._http.stream(
                    "GET", following.path, params=following.query, headers=following.headers, timeout=timeout
                ) as response:
                    if response.is_error and response.status_code not in LATER:
                        response.read()
                        raise Refused.of(response)
                    for line in response.iter_lines() if response.is_success else ():
                        if (told := following.take(line)) is not None:
                            yield told
            except httpx.TransportError:
                pass  # the server or the way to it is gone: the next connection goes on where this one ended
            if not following.is_over:
                time.sleep(following.broke())


class Listener:
    """One listener. What is reported is kept until the server has it; for one thread at a time."""

    def __init__(self, segue: Segue, listener_id: str, consent: bool) -> None:
        self.listener_id = listener_id
        self._segue = segue
        self._consent = consent
        self._flows = Flows(segue.outbox, segue.patience)
        self._hearing = Hearing()

    def next(self, n: int | None = None, **rules: Any) -> Recommendation:
        """Return what may come next; docs/api.md lists the rules of POST /v1/next."""
        asked = given(n=n, **rules)
        if self._consent:
            return self._segue.run(self._flows.next(self.listener_id, self._hearing, asked))
        return self._segue.run(self._flows.unstored(self._hearing, asked))

    def played(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track is playing, and return what may come next."""
        return self.report("played", track_id, n, **rules)

    def finished(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was heard to its end."""
        return self.report("finished", track_id, n, **rules)

    def skipped(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was skipped: it does not come again in this session."""
        return self.report("skipped", track_id, n, **rules)

    def liked(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was liked."""
        return self.report("liked", track_id, n, **rules)

    def disliked(self, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report that a track was disliked: it never comes again."""
        return self.report("disliked", track_id, n, **rules)

    def report(self, kind: str, track_id: str, n: int | None = None, **rules: Any) -> Recommendation:
        """Report an event of any kind. Without the server the event is kept and the ranking is what is left of ours."""
        asked = given(n=n, **rules)
        if self._consent:
            return self._segue.run(self._flows.report(self.listener_id, self._hearing, kind, track_id, asked))
        return self._segue.run(self._flows.unstored(self._hearing, asked, kind, track_id))

    def stream(self, n: int | None = None, **asked: Any) -> Iterator[Told]:
        """Yield the next tracks, and again whenever they change, until the listener is forgotten."""
        return self._segue.follow(Following(self.listener_id, given(n=n, **asked), self._segue.patience))

    def forget(self) -> bool:
        """Have everything deleted that the server remembers; tell whether there was anything."""
        return self._segue.run(self._flows.forget(self.listener_id))
