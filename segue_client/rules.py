"""What must hold of every track, as a value that an app makes once and hands to every call.

Knows nothing of how it is sent.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Rules(BaseModel):
    """The server's rules, by its own names; docs/api.md says what each keeps away. None is ever relaxed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    album_gap: int = Field(0, ge=0, le=500)
    max_per_artist: int | None = Field(None, ge=1, le=500)
    year_from: int | None = Field(None, ge=0, le=9999)
    year_to: int | None = Field(None, ge=0, le=9999)
    tags_any: tuple[str, ...] = ()
    tags_all: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    explicit: bool = True
    market: str | None = Field(None, pattern="^[A-Za-z]{2}$")

    @property
    def asked(self) -> dict[str, Any]:
        """What is ruled, as JSON has it; a rule that was left alone is not sent, for a server may be older than it."""
        return self.model_dump(mode="json", exclude_defaults=True)
