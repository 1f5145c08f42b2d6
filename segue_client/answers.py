"""What Segue answers, as values. A field that a newer server adds is passed over.

Knows nothing of how an answer is fetched.
"""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Something the server said."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Track(Answer):
    """One recording of the catalogue; None where nobody told."""

    track_id: str
    title: str
    artist: str
    album: str | None = None
    year: int | None = None
    genre: str | None = None
    tags: tuple[str, ...] = ()
    duration_s: int | None = None
    explicit: bool | None = None

    @property
    def label(self) -> str:
        """The track as a person writes it: `Artist - Title`."""
        return f"{self.artist} - {self.title}" if self.artist else self.title


class Reason(Answer):
    """What moved a suggestion (recent, seed, popularity), and how many times more probable it is for it."""

    kind: str
    track_id: str | None = None
    lift: float


class RankedTrack(Track):
    """One suggestion: `rank` counts from 1, `probability` is that of the model, before anything was excluded.

    `reasons` is filled where `reasons=True` was asked.
    """

    rank: int
    probability: float
    reasons: tuple[Reason, ...] = ()


class EventOutcome(Answer):
    """What became of one event: applied, duplicate, late, unknown_track or rejected."""

    event_id: str | None
    outcome: str
    seq: int | None = None
    detail: str | None = None


class Pool(Answer):
    """How many tracks could come, before and after what was excluded, and how many each rule took."""

    before: int
    after: int
    rules: dict[str, int] = {}


class Recommendation(Answer):
    """The next tracks, most probable first.

    `degraded` says what was missing: `state_unavailable` and `updates_unavailable` are the server's, `offline` is ours:
    these are the tracks of the newest ranking that have not been heard since.
    """

    recommendation_id: str
    listener_id: str | None = None
    checkpoint_id: str
    seq: int
    tracks: tuple[RankedTrack, ...]
    events: tuple[EventOutcome, ...] = ()
    unknown_tracks: tuple[str, ...] = ()
    pool: Pool | None = None
    shortfall: str | None = None
    degraded: tuple[str, ...] = ()


class Playlist(Answer):
    """Tracks in playing order; `shortfall` says why there are fewer than were asked for, if so."""

    playlist_id: str
    checkpoint_id: str
    seeds: tuple[str, ...] = ()
    unknown_tracks: tuple[str, ...] = ()
    tracks: tuple[RankedTrack, ...]
    duration_s: int = 0
    seed: int | None = None
    pool: Pool | None = None
    shortfall: str | None = None
    degraded: tuple[str, ...] = ()


class ModelChanged(Answer):
    """Another checkpoint ranks from now on."""

    checkpoint_id: str
    previous: str


class Bye(Answer):
    """The last that a stream tells. `retry_ms` says when a new one is worth asking for; None: it is not."""

    reason: str
    retry_ms: int | None = None


Told = Recommendation | ModelChanged | Bye


class EventsAnswer(Answer):
    """One outcome per event, in the order they were sent."""

    events: tuple[EventOutcome, ...]


class TracksAnswer(Answer):
    """The tracks a search found, best match first."""

    tracks: tuple[Track, ...]
