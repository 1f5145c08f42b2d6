"""The hot call: what a listener did, and the next tracks.

Knows nothing of how they are ranked.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.domain.events import ListenerEvent
from app.domain.recommendation import Ask, Recommendation
from app.web.schemas.events import MAX_EVENTS, EventAnswer, EventBody, event_answers
from app.web.schemas.fields import ArtistGap, Exclude, ExcludeArtists, Identifier, RequestBody, TrackCount
from app.web.schemas.rules import PoolAnswer, RulesBody, rules_of
from app.web.schemas.tracks import RankedTrackAnswer, explained_answers, ranked_answers


class NextRequest(RequestBody):
    """Take in a listener's event or events, if any, and rank what may follow.

    Without `listener_id` nothing is stored: the ranking follows `recent` alone. Without consent nothing is stored
    either, and nothing is read: the ranking follows `recent` and the events.
    """

    listener_id: Identifier | None = Field(None, description="Whose session is meant; absent: nobody's is kept.")
    event: EventBody | None = Field(None, description="What the listener just did.")
    events: Annotated[tuple[EventBody, ...], Field(max_length=MAX_EVENTS)] = Field(
        (), description="Several of them, oldest first, instead of `event`."
    )
    n: TrackCount = 20
    exclude: Exclude = ()
    exclude_artists: ExcludeArtists = ()
    recent: Annotated[tuple[Identifier, ...], Field(max_length=500)] = Field(
        (),
        description=(
            "Track ids heard lately, oldest first: all there is to go by without `listener_id`, and what is used "
            "with one on a day when the session store is away."
        ),
    )
    consent: bool = Field(
        True, description="Whether the listener lets anything be stored. false: this answer leaves no trace."
    )
    allow_repeats: bool = Field(False, description="Whether tracks heard lately may come again.")
    artist_gap: ArtistGap = 0
    rules: RulesBody | None = Field(None, description="What else must hold of every track.")
    reasons: bool = Field(False, description="Whether to say why each track is suggested; costs about ten rankings.")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.event is not None and self.events:
            raise PydanticCustomError("one_of", "Input should be `event` or `events`, not both")
        if self.keeper is None and self.consent and (self.event is not None or self.events):
            raise PydanticCustomError(
                "needs_listener", "Input should name the `listener_id` of its events, or send `recent` instead of them"
            )
        return self

    @property
    def keeper(self) -> str | None:
        """The listener whose session takes part, None where nobody's does."""
        return self.listener_id if self.consent else None

    def ask(self) -> Ask:
        """Return what is to be ranked."""
        return Ask(
            limit=self.n,
            exclude=self.exclude,
            exclude_artists=self.exclude_artists,
            recent=self.recent,
            allow_repeats=self.allow_repeats,
            artist_gap=self.artist_gap,
            rules=rules_of(self.rules),
            reasons=self.reasons,
        )

    def listened(self) -> list[ListenerEvent]:
        """Return what the listener did, oldest first."""
        bodies = self.events if self.event is None else (self.event,)
        return [body.of(self.listener_id or "") for body in bodies]


class NextAnswer(TypedDict):
    """The next tracks, and what is needed to trust and trace them."""

    recommendation_id: str
    listener_id: str | None
    checkpoint_id: str
    seq: int
    tracks: list[RankedTrackAnswer]
    events: list[EventAnswer]
    unknown_tracks: tuple[str, ...]
    pool: PoolAnswer
    shortfall: str | None
    degraded: tuple[str, ...]


def next_answer(recommendation: Recommendation) -> NextAnswer:
    """Write a recommendation for the wire."""
    return {
        "recommendation_id": recommendation.recommendation_id,
        "listener_id": recommendation.listener_id,
        "checkpoint_id": recommendation.checkpoint_id,
        "seq": recommendation.seq,
        "tracks": explained_answers(ranked_answers(recommendation.tracks), recommendation.reasons),
        "events": event_answers(recommendation.receipts),
        "unknown_tracks": recommendation.unknown_tracks,
        "pool": {
            "before": recommendation.pool_before,
            "after": recommendation.pool_after,
            "rules": dict(recommendation.taken),
        },
        "shortfall": recommendation.shortfall,
        "degraded": recommendation.degraded,
    }
