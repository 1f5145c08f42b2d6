"""Tracks as callers add them, and what came of it.

Knows nothing of rows or weights.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from app.domain.catalogue import Track
from app.domain.spelling import derived_id, name_key
from app.web.checkpoint_doors import AddedTracks
from app.web.schemas.fields import Identifier, RequestBody
from app.web.schemas.labels import LabelsAnswer, labels_answer
from app.web.schemas.rules import Country

MAX_TRACKS = 1000


class NewTrackBody(RequestBody):
    """One track to add. Artist, genre, tags and year decide where it begins among the others."""

    title: Identifier = Field(description="Its title.")
    artist: Identifier = Field(description="Its artist, spelled in any way.")
    track_id: Identifier | None = Field(
        None, description="Its id; where absent, the one that an import makes of artist and title."
    )
    album: Identifier | None = Field(None, description="Its album.")
    year: Annotated[int, Field(ge=1000, le=9999)] | None = Field(None, description="When it came out.")
    genre: Identifier | None = Field(None, description="Its genre.")
    tags: Annotated[tuple[Identifier, ...], Field(max_length=100)] = Field((), description="Its tags.")
    duration_s: Annotated[int, Field(ge=1, le=86_400)] | None = Field(None, description="Its length in seconds.")
    explicit: bool | None = Field(None, description="Whether its words are explicit; absent: nobody knows.")
    markets: Annotated[tuple[Country, ...], Field(max_length=300)] = Field(
        (), description="The countries it may be played in, by their two letters of ISO 3166-1; none: everywhere."
    )

    def track(self) -> Track:
        """Return the track."""
        return Track(
            self.track_id if self.track_id is not None else derived_id(name_key(self.artist, self.title)),
            self.title,
            self.artist,
            self.album,
            self.year,
            self.genre,
            tuple(dict.fromkeys(self.tags)),
            self.duration_s,
            self.explicit,
            frozenset(self.markets),
        )


class AddTracksRequest(RequestBody):
    """Tracks for a new checkpoint."""

    tracks: Annotated[tuple[NewTrackBody, ...], Field(min_length=1, max_length=MAX_TRACKS)]
    checkpoint: Identifier = Field(
        "stable", description="The checkpoint they are added to: an id, the beginning of one, or a label."
    )
    promote: bool = Field(False, description="Whether `stable` moves to the new checkpoint.")


class AddedTracksAnswer(TypedDict):
    """The new checkpoint, the one it was made from, the ids of the tracks added, and what is promoted now."""

    checkpoint_id: str
    added_to: str
    track_ids: list[str]
    catalogue_size: int
    labels: LabelsAnswer


def added_tracks_answer(added: AddedTracks, tracks: Sequence[Track]) -> AddedTracksAnswer:
    """Write what came of it for the wire."""
    return {
        "checkpoint_id": added.checkpoint_id,
        "added_to": added.added_to,
        "track_ids": [track.track_id for track in tracks],
        "catalogue_size": added.catalogue_size,
        "labels": labels_answer(added.labels),
    }
