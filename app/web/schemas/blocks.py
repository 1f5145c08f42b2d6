"""Blocks: what a listener does not want to hear, as callers set it and as it is told.

Knows nothing of what follows from a block.
"""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.domain.blocks import Block, holding
from app.domain.session import ListenerSession
from app.web.schemas.fields import Identifier, Moment, RequestBody, rfc_3339

MAX_BLOCKS = 1000

Until = Annotated[Moment | None, Field(description="When it ends, a time to come; absent or null: it is for good.")]


class BlockedTrackBody(RequestBody):
    """A track that may not come next, in any release."""

    track_id: Identifier = Field(description="The track, known to the catalogue or not.")
    until: Until = None

    def block(self) -> Block:
        """Return the block."""
        return _block(self.track_id, self.until)


class BlockedArtistBody(RequestBody):
    """An artist who may not come next."""

    artist: Identifier = Field(description="The artist, however spelled.")
    until: Until = None

    def block(self) -> Block:
        """Return the block."""
        return _block(self.artist, self.until)


class BlocksRequest(RequestBody):
    """Blocks to set beside those that stand; one of the same name is replaced."""

    tracks: Annotated[tuple[BlockedTrackBody, ...], Field(max_length=MAX_BLOCKS)] = ()
    artists: Annotated[tuple[BlockedArtistBody, ...], Field(max_length=MAX_BLOCKS)] = ()

    @model_validator(mode="after")
    def _blocks_something(self) -> Self:
        if not self.tracks and not self.artists:
            raise PydanticCustomError("blocks_nothing", "Input should name `tracks` or `artists` to block")
        return self


class BlockedTrackAnswer(TypedDict):
    """A track that may not come next; `until` is null where that is for good."""

    track_id: str
    until: str | None


class BlockedArtistAnswer(TypedDict):
    """An artist who may not come next, however spelled."""

    artist: str
    until: str | None


class BlocksAnswer(TypedDict):
    """The blocks in force, the newest last. A dislike is a block for good."""

    listener_id: str
    seq: int
    tracks: list[BlockedTrackAnswer]
    artists: list[BlockedArtistAnswer]


def blocks_answer(session: ListenerSession, now: float) -> BlocksAnswer:
    """Write the blocks of a listener that are in force at a time."""
    return {
        "listener_id": session.listener_id,
        "seq": session.seq,
        "tracks": blocked_tracks(holding(session.blocked_tracks, now)),
        "artists": blocked_artists(holding(session.blocked_artists, now)),
    }


def blocked_tracks(blocks: Sequence[Block]) -> list[BlockedTrackAnswer]:
    """Write blocks of tracks."""
    return [{"track_id": block.what, "until": _until(block)} for block in blocks]


def blocked_artists(blocks: Sequence[Block]) -> list[BlockedArtistAnswer]:
    """Write blocks of artists."""
    return [{"artist": block.what, "until": _until(block)} for block in blocks]


def _block(what: str, until: float | None) -> Block:
    return Block(what, None if until is None else round(until, 3))


def _until(block: Block) -> str | None:
    return None if block.until is None else rfc_3339(block.until)
