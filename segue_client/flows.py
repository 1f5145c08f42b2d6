"""What each call of the client does, step by step; whether the steps are waited for or awaited is not said here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from segue_client.answers import EventsAnswer, Playlist, Recommendation, Track, TracksAnswer
from segue_client.errors import Refused, Unavailable
from segue_client.hearing import OFFLINE, Hearing
from segue_client.outbox import Outbox
from segue_client.patience import Flow, Patience, Send, answered
from segue_client.rules import Rules

# Well within the server's bounds of 1,000 events and 1 MiB.
AT_ONCE = 200
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Flows:
    """The calls of one client."""

    outbox: Outbox
    patience: Patience

    def search(self, query: str, limit: int) -> Flow[tuple[Track, ...]]:
        """Find tracks by title, artist or both."""
        response = yield from answered(Send("GET", "/v1/tracks", query={"q": query, "limit": limit}), self.patience)
        return TracksAnswer.model_validate_json(response.content).tracks

    def playlist(self, asked: dict[str, Any]) -> Flow[Playlist]:
        """Play ahead."""
        response = yield from answered(Send("POST", "/v1/playlists", asked), self.patience)
        return Playlist.model_validate_json(response.content)

    def flush(self, before: int | None = None) -> Flow[int]:
        """Send the events that wait, oldest first; return how many the server has dealt with."""
        sent = 0
        while waiting := self.outbox.before(before, AT_ONCE):
            body = {"events": [one.event for one in waiting]}
            response = yield from answered(Send("POST", "/v1/events", body), self.patience)
            # One outcome each, whatever it is: what is rejected now will never be taken.
            assert len(EventsAnswer.model_validate_json(response.content).events) == len(waiting)
            self.outbox.done([one.n for one in waiting])
            sent += len(waiting)
        return sent

    def forget(self, listener_id: str) -> Flow[bool]:
        """Have everything deleted that is remembered of a listener; tell whether there was anything."""
        try:
            yield from answered(Send("DELETE", f"/v1/listeners/{quote(listener_id, safe='')}"), self.patience)
        except Refused as refused:
            if refused.code != "unknown_listener":
                raise
            return False
        return True

    def next(self, listener_id: str, hearing: Hearing, asked: dict[str, Any]) -> Flow[Recommendation]:
        """Rank, once everything that waited has been sent."""
        try:
            yield from self.flush()
        except Unavailable as failure:
            return hearing.offline(failure)
        return (yield from self._ranked(hearing, {"listener_id": listener_id, **asked}))

    def report(
        self, listener_id: str, hearing: Hearing, kind: str, track_id: str, asked: dict[str, Any]
    ) -> Flow[Recommendation]:
        """Keep an event, send what waited before it, then the event; return what comes next."""
        event = {"event_id": uuid4().hex, "type": kind, "track_id": track_id, "at": datetime.now(UTC).isoformat()}
        n = self.outbox.add({"listener_id": listener_id, **event})
        try:
            yield from self.flush(before=n)
        except Unavailable as failure:
            hearing.note(event)
            return hearing.offline(failure)
        try:
            answer = yield from self._ranked(hearing, {"listener_id": listener_id, "event": event, **asked})
        except Refused as refused:
            if not refused.is_of_the_key:
                self.outbox.done([n])  # it would be refused for ever
            raise
        if _dealt_with(answer):
            self.outbox.done([n])
        return answer

    def unstored(self, hearing: Hearing, asked: dict[str, Any], *heard: str) -> Flow[Recommendation]:
        """Rank for a listener who lets nothing be stored, neither here nor there; `heard` is a kind and a track."""
        event = {"event": dict(zip(("type", "track_id"), heard, strict=True))} if heard else {}
        return self._ranked(hearing, {"consent": False, **event, **asked})

    def _ranked(self, hearing: Hearing, body: dict[str, Any]) -> Flow[Recommendation]:
        """Rank; without the server, from what was ranked before. What is refused was not heard."""
        body = {"recent": hearing.recent, **body}
        try:
            response = yield from answered(Send("POST", "/v1/next", body), self.patience)
        except Unavailable as failure:
            hearing.note(body.get("event"))
            return hearing.offline(failure)
        hearing.note(body.get("event"))
        return hearing.rank(Recommendation.model_validate_json(response.content))


def _dealt_with(answer: Recommendation) -> bool:
    """Whether the event is stored for good, or refused for good: not unconfirmed, by a store or a server away."""
    if OFFLINE in answer.degraded:
        return False
    return not answer.degraded or all(event.outcome != REJECTED for event in answer.events)


def given(**asked: Any) -> dict[str, Any]:
    """Return the fields that were given: what is left out is the server's choice."""
    return {name: _sent(value) for name, value in asked.items() if value is not None}


def _sent(value: Any) -> Any:
    if isinstance(value, Rules):
        return value.asked
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
