"""What a caller says on /v1/live, message by message.

Knows nothing of what is told in return.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.domain.events import ListenerEvent
from app.domain.recommendation import Ask
from app.web.schemas.events import MAX_EVENTS, EventBody
from app.web.schemas.fields import ArtistGap, Exclude, ExcludeArtists, Identifier, RequestBody, TrackCount
from app.web.schemas.rules import RulesBody, rules_of


class LiveBegin(RequestBody):
    """The first message: who listens, and what is to be ranked from now on."""

    listener_id: Identifier = Field(description="Whose session is meant.")
    token: str | None = Field(
        None, max_length=1024, description="An API key, for callers who cannot set headers: browsers."
    )
    n: TrackCount = 20
    exclude: Exclude = ()
    exclude_artists: ExcludeArtists = ()
    artist_gap: ArtistGap = 0
    rules: RulesBody | None = Field(None, description="What else must hold of every track.")
    reasons: bool = Field(False, description="Whether to say why each track is suggested; costs about ten rankings.")
    last_event_id: str | None = Field(
        None, max_length=256, description="The `recommendation_id` of the newest ranking you have."
    )

    def ask(self) -> Ask:
        """Return what is to be ranked."""
        return Ask(
            limit=self.n,
            exclude=self.exclude,
            exclude_artists=self.exclude_artists,
            artist_gap=self.artist_gap,
            rules=rules_of(self.rules),
            reasons=self.reasons,
        )


class LiveEvents(RequestBody):
    """Every further message: what the listener did."""

    event: EventBody | None = Field(None, description="What the listener just did.")
    events: Annotated[tuple[EventBody, ...], Field(max_length=MAX_EVENTS)] = Field(
        (), description="Several of them, oldest first, instead of `event`."
    )

    @model_validator(mode="after")
    def _says_something_once(self) -> Self:
        if (self.event is None) == (not self.events):
            raise PydanticCustomError("one_of", "Input should be either `event` or `events`")
        return self

    def listened(self, listener_id: str) -> list[ListenerEvent]:
        """Return what the listener did, oldest first."""
        bodies = self.events if self.event is None else (self.event,)
        return [body.of(listener_id) for body in bodies]
