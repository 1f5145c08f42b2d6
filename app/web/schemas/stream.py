"""What a stream's query asks for: the rules of `/v1/next`, each a parameter of its own.

Knows nothing of how a stream is opened.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.recommendation import Ask
from app.web.schemas.fields import ArtistGap, Identifier, TrackCount
from app.web.schemas.rules import EXPLICIT, MARKET, Country, RulesBody, Year


def _several(most: int, description: str) -> object:
    return Field(default_factory=list, max_length=most, description=f"{description} Once for each.")


class StreamQuery(BaseModel):
    """How many tracks, and what must hold of them. A parameter nobody knows is refused: it may be a rule misspelled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: TrackCount = 20
    exclude: Annotated[list[Identifier], _several(100, "A track id that must not come.")]
    exclude_artists: Annotated[list[Identifier], _several(100, "An artist who must not come.")]
    artist_gap: ArtistGap = 0
    album_gap: int = Field(0, ge=0, le=500, description="This many tracks must pass before an album comes again.")
    max_per_artist: int | None = Field(None, ge=1, le=500, description="An artist comes so often in one ranking.")
    year_from: Year | None = Field(None, description="First year; a track without a year fails.")
    year_to: Year | None = Field(None, description="Last year; a track without a year fails.")
    tags_any: Annotated[list[Identifier], _several(50, "A track has at least one of these.")]
    tags_all: Annotated[list[Identifier], _several(50, "A track has every one of these.")]
    tags_none: Annotated[list[Identifier], _several(50, "A track has none of these.")]
    explicit: bool = Field(True, description=EXPLICIT)
    market: Country | None = Field(None, description=MARKET)
    reasons: bool = Field(False, description="Whether to say why each track is suggested; costs twelve rankings.")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._rules()
        return self

    def ask(self) -> Ask:
        """Return what is to be ranked."""
        return Ask(
            limit=self.n,
            exclude=tuple(self.exclude),
            exclude_artists=tuple(self.exclude_artists),
            artist_gap=self.artist_gap,
            rules=self._rules().rules(),
            reasons=self.reasons,
        )

    def _rules(self) -> RulesBody:
        """Return the rules as a body holds them; raise ValidationError where they contradict each other."""
        return RulesBody(
            album_gap=self.album_gap,
            max_per_artist=self.max_per_artist,
            year_from=self.year_from,
            year_to=self.year_to,
            tags_any=tuple(self.tags_any),
            tags_all=tuple(self.tags_all),
            tags_none=tuple(self.tags_none),
            explicit=self.explicit,
            market=self.market,
        )
