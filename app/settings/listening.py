"""Settings of what is remembered of one listener."""

from typing import Literal

from pydantic import BaseModel, Field

from app.domain.session import SessionLimits


class ListeningSettings(BaseModel):
    """The bounds of a listener's session, and how its hidden state is stored."""

    recent_tracks: int = Field(
        50,
        ge=4,
        le=500,
        description="Tracks remembered per listener. More avoids repeats longer, costs memory.",
    )
    hidden_precision: Literal["single", "half"] = Field(
        "single",
        description=(
            "How hidden states are stored. `half` spares about 190 bytes per listener and rounds the state at every "
            "event; see docs/session-store.md for what that does to rankings. Either is read, whatever is set."
        ),
    )
    remembered_event_ids: int = Field(
        64, ge=1, le=10_000, description="Event ids remembered per listener to recognise a retry."
    )
    idle_gap_s: float = Field(
        1800.0,
        gt=0,
        description="Silence after which listening counts as a new session, as in `segue import`.",
    )
    late_after_s: float = Field(
        60.0, ge=0, description="An event this much older than the newest is recorded without being read."
    )

    @property
    def session_limits(self) -> SessionLimits:
        """The bounds of one listener's session."""
        return SessionLimits(
            recent_tracks=self.recent_tracks,
            event_ids=self.remembered_event_ids,
            idle_gap_s=self.idle_gap_s,
            late_after_s=self.late_after_s,
        )
