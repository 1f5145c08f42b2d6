"""The kinds of field that requests share: ids, times, and the strictness of every body.

Knows nothing of any one resource.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_ID_LENGTH = 256

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class RequestBody(BaseModel):
    """A body that takes nothing it does not know and guesses no types: `"20"` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def identifier(text: str) -> str:
    """Return the id in NFC: two spellings of the same letters name the same listener."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not 1 <= len(text) <= MAX_ID_LENGTH or _CONTROL.search(text):
        raise PydanticCustomError(
            "identifier", "Input should be a string of 1 to 256 characters (after NFC) without control characters"
        )
    return text


def seconds(value: Any) -> float:
    """Return an RFC 3339 time in seconds since 1970; one without offset is refused, for it could mean any place."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).timestamp()
        except (ValueError, OverflowError):
            pass  # the thirtieth of February, an offset of 99 hours: the same refusal
    raise PydanticCustomError(
        "rfc_3339", "Input should be an RFC 3339 time with offset, as in 2026-11-22T10:15:00+01:00"
    )


def rfc_3339(at: float) -> str:
    """Write seconds since 1970 as an RFC 3339 time in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


# A regular expression in pydantic's core would check ASCII ids faster, but cannot normalise; this costs 0.3 us an id.
Identifier = Annotated[
    str,
    AfterValidator(identifier),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}),
]
Moment = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
TrackCount = Annotated[int, Field(ge=1, le=500, description="How many tracks.")]
ArtistGap = Annotated[
    int, Field(ge=0, le=500, description="This many tracks must pass before an artist comes again. 0: no rule.")
]
Exclude = Annotated[tuple[Identifier, ...], Field(max_length=1000, description="Track ids that must not come.")]
ExcludeArtists = Annotated[
    tuple[Identifier, ...], Field(max_length=1000, description="Artists who must not come, however spelled.")
]
