"""A whole playlist: what the caller asks for and what comes back.

Knows nothing of how tracks are chosen, nor of playlist files.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.domain.playlist import Choosing, Playlist, PlaylistAsk
from app.web.schemas.fields import ArtistGap, Exclude, ExcludeArtists, Identifier, RequestBody, TrackCount
from app.web.schemas.tracks import RankedTrackAnswer, ranked_answers

_SAMPLING = frozenset({"temperature", "top_k", "top_p", "seed"})


class PlaylistRequest(RequestBody):
    """`n` tracks that follow a listener's session, `seeds`, or both: the seeds are read last."""

    n: TrackCount = 20
    seeds: Annotated[tuple[Identifier, ...], Field(max_length=100)] = Field(
        (), description="Track ids to start from, oldest first."
    )
    listener_id: Identifier | None = Field(None, description="Start from this listener's session; it is not changed.")
    choosing: Choosing = Field(Choosing.GREEDY, description="`greedy` takes the best each time, `sample` draws.")
    temperature: float = Field(
        1.0, ge=0.05, le=10, allow_inf_nan=False, description="Above 1 more adventurous, below 1 less; for `sample`."
    )
    top_k: int = Field(100, ge=1, le=1000, description="Draw from this many best tracks; for `sample`.")
    top_p: float = Field(
        1.0, gt=0, le=1, allow_inf_nan=False, description="Draw from the best that reach this probability together."
    )
    seed: int | None = Field(
        None, ge=0, lt=2**53, description="The same seed draws the same playlist; absent: one is drawn and told."
    )
    exclude: Exclude = ()
    exclude_artists: ExcludeArtists = ()
    artist_gap: ArtistGap = 0

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.choosing is Choosing.GREEDY and (idle := _SAMPLING & self.model_fields_set):
            raise PydanticCustomError(
                "only_for_sampling",
                'Input should say "choosing": "sample" for {fields} to have an effect',
                {"fields": ", ".join(sorted(idle))},
            )
        return self

    def ask(self) -> PlaylistAsk:
        """Return what is to be played."""
        return PlaylistAsk(
            length=self.n,
            seeds=self.seeds,
            listener_id=self.listener_id,
            choosing=self.choosing,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
            exclude=self.exclude,
            exclude_artists=self.exclude_artists,
            artist_gap=self.artist_gap,
        )


class PlaylistAnswer(TypedDict):
    """The tracks in playing order. Each probability is that of the track at its own step.

    `rank` is the place in the playlist; `seed` draws the same playlist again; `shortfall` says why there are fewer
    tracks than were asked for.
    """

    playlist_id: str
    checkpoint_id: str
    seeds: tuple[str, ...]
    unknown_tracks: tuple[str, ...]
    tracks: list[RankedTrackAnswer]
    seed: int | None
    shortfall: str | None
    degraded: tuple[str, ...]


def playlist_answer(playlist: Playlist) -> PlaylistAnswer:
    """Write a playlist for the wire."""
    return {
        "playlist_id": playlist.playlist_id,
        "checkpoint_id": playlist.checkpoint_id,
        "seeds": playlist.seeds,
        "unknown_tracks": playlist.unknown_tracks,
        "tracks": ranked_answers(playlist.tracks),
        "seed": playlist.seed,
        "shortfall": playlist.shortfall,
        "degraded": playlist.degraded,
    }
