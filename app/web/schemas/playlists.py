"""A whole playlist: what the caller asks for and what comes back.

Knows nothing of how tracks are chosen, nor of playlist files.
"""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.domain.playlist import Choosing, Playlist, PlaylistAsk, Seed, SeedKind
from app.web.schemas.fields import ArtistGap, Exclude, ExcludeArtists, Identifier, RequestBody, TrackCount
from app.web.schemas.rules import PoolAnswer, RulesBody, rules_of
from app.web.schemas.tracks import RankedTrackAnswer, explained_answers, ranked_answers

# Which fields only one way of choosing heeds.
_HEEDED = {
    Choosing.SAMPLE: frozenset({"temperature", "top_k", "top_p", "seed"}),
    Choosing.BEAM: frozenset({"beam_width"}),
}
# Each reason of each track is a ranking after all that was read before it.
EXPLAINED_TRACKS = 200


class SeedBody(RequestBody):
    """One seed that is more than a track id: exactly one of `track`, `artist` and `tag`."""

    track: Identifier | None = Field(None, description="A track id.")
    artist: Identifier | None = Field(None, description="An artist, however spelled: three tracks of theirs.")
    tag: Identifier | None = Field(None, description="A tag or genre: three tracks with it.")
    weight: float = Field(
        1.0, gt=0, le=100, allow_inf_nan=False, description="The heavier, the later it is read, and the more it counts."
    )

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if sum(name is not None for name in (self.track, self.artist, self.tag)) != 1:
            raise PydanticCustomError("one_of", "Input should name exactly one of `track`, `artist` and `tag`")
        return self

    def seed(self) -> Seed:
        """Return the seed as the walk takes it."""
        named = ((SeedKind.TRACK, self.track), (SeedKind.ARTIST, self.artist), (SeedKind.TAG, self.tag))
        [(kind, name)] = [(kind, name) for kind, name in named if name is not None]
        return Seed(name, kind, self.weight)


def _named(seed: Any) -> Any:
    """Read a plain string as what it is short for."""
    return {"track": seed} if isinstance(seed, str) else seed


SeedOrTrackId = Annotated[SeedBody, BeforeValidator(_named, json_schema_input_type=Identifier | SeedBody)]


class PlaylistRequest(RequestBody):
    """`n` tracks that follow a listener's session, `seeds`, or both: the seeds are read last."""

    n: TrackCount | None = Field(None, description="How many tracks; 20 where no `duration_s` is given.")
    duration_s: int | None = Field(
        None,
        ge=60,
        le=172_800,
        description="Instead of `n`: until so many seconds are full. A track of unknown length counts as 210.",
    )
    seeds: Annotated[tuple[SeedOrTrackId, ...], Field(max_length=100)] = Field(
        (), description="Where to start: track ids, oldest first, or artists and tags, with weights."
    )
    listener_id: Identifier | None = Field(None, description="Start from this listener's session; it is not changed.")
    after: Annotated[tuple[Identifier, ...], Field(max_length=2000)] = Field(
        (), description="The playlist so far, in playing order: what is added follows it and repeats none of it."
    )
    to: SeedOrTrackId | None = Field(
        None, description="Where the playlist travels: its last track, or an artist or tag it comes near."
    )
    choosing: Choosing = Field(
        Choosing.GREEDY,
        description=(
            "`greedy` takes the best each time, `sample` draws, `beam` keeps several playlists side by side and gives "
            "the most probable one: never less probable than the greedy one."
        ),
    )
    beam_width: int = Field(
        8, ge=2, le=16, description="How many playlists are kept side by side; for `beam`. All are one batch."
    )
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
    rules: RulesBody | None = Field(None, description="What else must hold of every track.")
    reasons: bool = Field(
        False, description="Whether to say why each track is there; each costs about twelve rankings."
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.n is not None and self.duration_s is not None:
            raise PydanticCustomError("one_of", "Input should be `n` or `duration_s`, not both")
        if self.to is not None and self.duration_s is not None:
            raise PydanticCustomError("arc_needs_n", "Input should say with `n` how many tracks it is `to` there")
        if self.choosing is Choosing.BEAM and self.duration_s is not None:
            # Of playlists of several lengths the shortest is the most probable.
            raise PydanticCustomError("beam_needs_n", "Input should say with `n` how many tracks a beam is to choose")
        for choosing, fields in _HEEDED.items():
            if choosing is not self.choosing and (idle := fields & self.model_fields_set):
                raise PydanticCustomError(
                    "only_for_sampling" if choosing is Choosing.SAMPLE else "only_for_beam",
                    'Input should say "choosing": "{choosing}" for {fields} to have an effect',
                    {"choosing": choosing.value, "fields": ", ".join(sorted(idle))},
                )
        if self.reasons and self._length + len(self.after) > EXPLAINED_TRACKS:
            raise PydanticCustomError(
                "too_long_to_explain",
                "Input should have {most} tracks at most, `after` among them, where it asks for `reasons`",
                {"most": EXPLAINED_TRACKS},
            )
        return self

    @property
    def _length(self) -> int:
        return self.n or (20 if self.duration_s is None else 500)

    def ask(self) -> PlaylistAsk:
        """Return what is to be played."""
        return PlaylistAsk(
            length=self._length,
            seeds=tuple(seed.seed() for seed in self.seeds),
            duration_s=self.duration_s,
            after=self.after,
            to=None if self.to is None else self.to.seed(),
            listener_id=self.listener_id,
            choosing=self.choosing,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
            exclude=self.exclude,
            exclude_artists=self.exclude_artists,
            artist_gap=self.artist_gap,
            rules=rules_of(self.rules),
            beam_width=self.beam_width,
            reasons=self.reasons,
        )


class PlaylistAnswer(TypedDict):
    """The tracks in playing order. Each probability is that of the track at its own step.

    `rank` is the place in the playlist; `seeds` are the tracks that were read, in their order; `seed` draws the same
    playlist again; `shortfall` says why there are fewer tracks than were asked for; `pool` counts the candidates for
    the last track, or for the one that could not be found.
    """

    playlist_id: str
    checkpoint_id: str
    seeds: tuple[str, ...]
    unknown_tracks: tuple[str, ...]
    tracks: list[RankedTrackAnswer]
    duration_s: int
    seed: int | None
    pool: PoolAnswer
    shortfall: str | None
    degraded: tuple[str, ...]


def playlist_answer(playlist: Playlist) -> PlaylistAnswer:
    """Write a playlist for the wire."""
    return {
        "playlist_id": playlist.playlist_id,
        "checkpoint_id": playlist.checkpoint_id,
        "seeds": playlist.seeds,
        "unknown_tracks": playlist.unknown_tracks,
        "tracks": explained_answers(ranked_answers(playlist.tracks), playlist.reasons),
        "duration_s": playlist.duration_s,
        "seed": playlist.seed,
        "pool": {"before": playlist.pool_before, "after": playlist.pool_after, "rules": dict(playlist.taken)},
        "shortfall": playlist.shortfall,
        "degraded": playlist.degraded,
    }
