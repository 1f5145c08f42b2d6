"""Tracks as callers see them: alone, found by a search, or ranked.

Knows nothing of how a track was found or ranked.
"""

from collections.abc import Iterable
from typing import NotRequired

from typing_extensions import TypedDict

from app.domain.catalogue import Track
from app.domain.recommendation import RankedTrack, Reason, ReasonKind


class TrackAnswer(TypedDict):
    """One track of the catalogue; null where nobody told, `markets` empty: everywhere."""

    track_id: str
    title: str
    artist: str
    album: str | None
    year: int | None
    genre: str | None
    tags: tuple[str, ...]
    duration_s: int | None
    explicit: bool | None
    markets: list[str]


class ReasonAnswer(TypedDict):
    """What moved a suggestion, and how many times more probable it is for it."""

    kind: ReasonKind
    track_id: str | None
    lift: float


class RankedTrackAnswer(TypedDict):
    """One suggestion: `rank` counts from 1, `probability` is the softmax over the whole catalogue.

    `explicit` is there where somebody told, `reasons` where it was asked for.
    """

    rank: int
    probability: float
    track_id: str
    title: str
    artist: str
    album: str | None
    year: int | None
    genre: str | None
    tags: tuple[str, ...]
    duration_s: int | None
    explicit: NotRequired[bool]
    reasons: NotRequired[list[ReasonAnswer]]


class TracksAnswer(TypedDict):
    """The tracks a search found, best match first."""

    query: str
    tracks: list[TrackAnswer]


def track_answer(track: Track) -> TrackAnswer:
    """Write a track for the wire."""
    return {
        "track_id": track.track_id,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "year": track.year,
        "genre": track.genre,
        "tags": track.tags,
        "duration_s": track.duration_s,
        "explicit": track.explicit,
        "markets": sorted(track.markets),
    }


def ranked_answers(ranked: Iterable[RankedTrack]) -> list[RankedTrackAnswer]:
    """Write suggestions for the wire. Flat, and written out: this runs for every track of every hot call."""
    answers: list[RankedTrackAnswer] = []
    for suggestion in ranked:
        track = suggestion.track
        answers.append(
            {
                "rank": suggestion.rank,
                "probability": suggestion.probability,
                "track_id": track.track_id,
                "title": track.title,
                "artist": track.artist,
                "album": track.album,
                "year": track.year,
                "genre": track.genre,
                "tags": track.tags,
                "duration_s": track.duration_s,
            }
        )
        if track.explicit is not None:
            answers[-1]["explicit"] = track.explicit
    return answers


def explained_answers(answers: list[RankedTrackAnswer], reasons: Iterable[Iterable[Reason]]) -> list[RankedTrackAnswer]:
    """Write beside each suggestion why it is one; nothing where nobody asked."""
    for answer, own in zip(answers, reasons, strict=False):
        answer["reasons"] = [{"kind": one.kind, "track_id": one.track_id, "lift": one.lift} for one in own]
    return answers
