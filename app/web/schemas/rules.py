"""The rules a caller may set for a ranking or a playlist: one object, the same wherever tracks are ranked.

Knows nothing of how they are kept.
"""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.domain.rules import NO_RULES, Rules
from app.web.schemas.fields import Identifier, RequestBody

Tags = Annotated[tuple[Identifier, ...], Field(max_length=50)]
Year = Annotated[int, Field(ge=0, le=9999)]
_COUNTRY = "^[A-Za-z]{2}$"


def _named(country: Any) -> Any:
    """Return what may be a country; say in words what the pattern wants of any other text."""
    if isinstance(country, str) and not re.fullmatch(_COUNTRY, country):
        raise PydanticCustomError("country", "Input should be the two letters of a country in ISO 3166-1, such as DE")
    return country


Country = Annotated[str, Field(pattern=_COUNTRY), BeforeValidator(_named), AfterValidator(str.upper)]
EXPLICIT = "Whether tracks with explicit words may come. false: a track comes only where it is known to have none."
MARKET = "A country, by its two letters of ISO 3166-1: a track known not to be for it fails."


class RulesBody(RequestBody):
    """What must hold of every track. A rule that cannot be met shortens the answer, which says so; none is relaxed."""

    album_gap: int = Field(0, ge=0, le=500, description="This many tracks must pass before an album comes again.")
    max_per_artist: int | None = Field(None, ge=1, le=500, description="An artist comes so often in one answer.")
    year_from: Year | None = Field(None, description="First year; a track without a year fails.")
    year_to: Year | None = Field(None, description="Last year; a track without a year fails.")
    tags_any: Tags = Field((), description="A track has at least one of these. Its genre counts as a tag.")
    tags_all: Tags = Field((), description="A track has every one of these.")
    tags_none: Tags = Field((), description="A track has none of these.")
    explicit: bool = Field(True, description=EXPLICIT)
    market: Country | None = Field(None, description=MARKET)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.year_from is not None and self.year_to is not None and self.year_from > self.year_to:
            raise PydanticCustomError("years", "Input should have a `year_from` that is not after `year_to`")
        return self

    def rules(self) -> Rules:
        """Return the rules as the walk takes them."""
        return Rules(**self.model_dump())


class PoolAnswer(TypedDict):
    """How many tracks could come, before and after what was excluded, and how many each rule took.

    A track may be taken by several rules; a rule that took none is not listed.
    """

    before: int
    after: int
    rules: dict[str, int]


def rules_of(body: RulesBody | None) -> Rules:
    """Return the rules of a request, none where it set none."""
    return NO_RULES if body is None else body.rules()
