"""What a listener is offered: ranked tracks, and everything a caller needs to trust and trace them.

Knows nothing of how the ranking was made or how it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from app.domain.catalogue import Track
from app.domain.events import Outcome
from app.domain.rules import NO_RULES, Rules


class RankedTrack(NamedTuple):
    """One suggestion: `rank` counts from 1, `probability` is the softmax over the whole catalogue.

    A tuple, not a dataclass: twenty of them are made for every answer, four times as fast.
    """

    rank: int
    track: Track
    probability: float


class ReasonKind(StrEnum):
    """What moved a suggestion."""

    RECENT = "recent"
    SEED = "seed"
    NEIGHBOURS = "neighbours"
    POPULARITY = "popularity"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a track is suggested: `lift` tells how many times more probable it is for it.

    Of a recent track or a seed, compared with the same listening without that track; of neighbours, compared with what
    the network says without the past sessions that are like this one; of popularity, at the model's start state
    compared with a draw among all tracks.
    """

    kind: ReasonKind
    track_id: str | None
    lift: float


@dataclass(frozen=True, slots=True)
class EventReceipt:
    """What became of one event; `seq` is the listener's sequence number after it, `detail` explains a refusal."""

    event_id: str
    listener_id: str
    outcome: Outcome
    seq: int
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The next tracks for one listener at one moment.

    `degraded` names what was missing when the answer was made (`state_unavailable`: the session store did not
    answer). `taken` tells how many candidates each rule took, `shortfall` why there are fewer tracks than were asked
    for, if so; `reasons` are those of each track, where they were asked for. `stage_us` holds microseconds spent per
    stage: load, queue, step, rank, commit.
    """

    recommendation_id: str
    listener_id: str | None
    checkpoint_id: str
    seq: int
    tracks: tuple[RankedTrack, ...]
    receipts: tuple[EventReceipt, ...]
    unknown_tracks: tuple[str, ...]
    pool_before: int
    pool_after: int
    degraded: tuple[str, ...] = ()
    stage_us: dict[str, int] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)
    shortfall: str | None = None
    reasons: tuple[tuple[Reason, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What the caller wants ranked: `limit` tracks, none of `exclude` (track ids), nobody's `exclude_artists`.

    `recent` are track ids, oldest first, for callers who keep the listening themselves, and for days when the
    session store is away.
    """

    limit: int
    exclude: tuple[str, ...] = ()
    exclude_artists: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    allow_repeats: bool = False
    artist_gap: int = 0
    rules: Rules = NO_RULES
    reasons: bool = False
