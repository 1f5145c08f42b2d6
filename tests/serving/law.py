"""What the law of the session says, and the listeners it is held against.

Knows nothing of how a history is drawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from redis import Redis

from app.domain.catalogue import Catalogue
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.ranking import StepRequest
from app.domain.recommendation import EventReceipt
from app.domain.session import ListenerSession, StampedHidden
from app.domain.spelling import text_key
from app.rnn.predictor import Predictor

TAKEN_IN = (Outcome.APPLIED, Outcome.LATE, Outcome.UNKNOWN_TRACK)


@dataclass
class Expected:
    """What is known of one listener without looking: which blocks stand, and how far the session had come."""

    tracks: dict[str, float] = field(default_factory=dict)
    artists: dict[str, float] = field(default_factory=dict)
    incarnation: int | None = None
    seq: int = 0

    def pass_time(self, now: float) -> None:
        """Expect what every change does to blocks that are over: they are dropped, and do not come back."""
        self.tracks = {what: until for what, until in self.tracks.items() if now < until}
        self.artists = {what: until for what, until in self.artists.items() if now < until}

    def blocked(self, track: str, artist: str, until: float | None, now: float) -> None:
        """Expect a track and an artist to be blocked."""
        self.tracks[track] = self.artists[artist] = inf if until is None else until
        self.pass_time(now)

    def taken_in(self, event: ListenerEvent, receipt: EventReceipt, now: float) -> None:
        """Expect what an event does to blocks: those that are over go, a dislike is one for good."""
        if receipt.outcome not in TAKEN_IN:
            return
        self.pass_time(now)
        if event.kind is EventKind.DISLIKED:
            self.tracks[event.track_id] = inf

    def united(self, source: "Expected", now: float) -> None:
        """Expect the longer of the blocks of both."""
        for mine, theirs in ((self.tracks, source.tracks), (self.artists, source.artists)):
            for what, until in list(theirs.items()):
                mine[what] = max(until, mine.get(what, -inf))
        self.pass_time(now)

    def barred(self, session: ListenerSession, catalogue: Catalogue, now: float) -> set[str]:
        """Return every track that may not be suggested: blocked now, or remembered, in any release."""
        songs = {what for what, until in self.tracks.items() if now < until}
        songs |= {heard.track_id for heard in session.recent}
        rows = {row for row in map(catalogue.index_of, songs) if row is not None}
        barred = {catalogue[same].track_id for row in rows for same in catalogue.same_song(row)}
        artists = {text_key(what) for what, until in self.artists.items() if now < until}
        return barred | {track.track_id for track in catalogue if text_key(track.artist) in artists}

    def grown(self, session: ListenerSession) -> None:
        """Demand that seq only grows, and that who comes back is not who was forgotten."""
        if session.incarnation == self.incarnation:
            assert session.seq >= self.seq
        self.incarnation, self.seq = session.incarnation, session.seq


def demand_replay(session: ListenerSession, predictors: dict[str, Predictor]) -> None:
    """Demand that the stored state is, to the bit, what its checkpoint makes of the stored tracks it has read."""
    if session.hidden is None:
        assert session.unread == 0
        return
    predictor = predictors[session.hidden.checkpoint_id]
    read = session.advancing[: len(session.advancing) - session.unread]
    assert session.hidden == replay(predictor, read)


def replay(predictor: Predictor, track_ids: Iterable[str]) -> StampedHidden:
    """Return the state after reading the tracks from the start, in one pass."""
    rows = tuple(row for row in map(predictor.catalogue.index_of, track_ids) if row is not None)
    return predictor.step([StepRequest(None, rows, rows, frozenset(), 0)])[0].hidden


def demand_no_trace(redis: "Redis", listener_id: str) -> None:
    """Demand that no key and no value in Redis names a listener, but for what waits to be collected."""
    name = listener_id.encode()
    for key in redis.scan_iter(count=1000):
        assert name not in key
        if redis.type(key) == b"string":
            assert name not in (redis.get(key) or b"")
