"""A playlist: how many tracks ahead, and how each next one is chosen from its ranking.

Knows nothing of the network; it is handed one ranking at a time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from app.domain.catalogue import Track
from app.domain.recommendation import Ask, RankedTrack, Reason
from app.domain.rules import NO_RULES, Rules

# A track of which nobody told how long it is counts as long as a single usually is.
USUAL_S = 210


class SeedKind(StrEnum):
    """What a seed names."""

    TRACK = "track"
    ARTIST = "artist"
    TAG = "tag"


class Choosing(StrEnum):
    """How the next track is taken from a ranking."""

    GREEDY = "greedy"
    SAMPLE = "sample"
    BEAM = "beam"


@dataclass(frozen=True, slots=True)
class Seed:
    """Where a playlist starts: a track by its id, or some tracks of an artist or with a tag.

    The heavier, the later it is read: what the network read last counts most.
    """

    name: str
    kind: SeedKind = SeedKind.TRACK
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class PlaylistAsk:
    """What the caller wants: `length` tracks after `seeds`, or after a listener's session and then the seeds.

    `after` is the playlist so far, in playing order: it is read, every rule counts it, and what is added follows it.
    `to` is where it travels: a track is its last one, an artist or a tag what it comes near.
    With `duration_s` the playlist ends with the track that fills so many seconds, at `length` tracks at the latest.

    Sampling draws from the `top_k` most probable tracks whose probabilities, raised to 1/temperature, reach
    `top_p` together. The same `seed` gives the same playlist from the same start and checkpoint. A beam keeps the
    `beam_width` most probable playlists side by side. With `reasons` each track says why it is there.
    """

    length: int
    seeds: tuple[Seed, ...] = ()
    listener_id: str | None = None
    choosing: Choosing = Choosing.GREEDY
    temperature: float = 1.0
    top_k: int = 100
    top_p: float = 1.0
    seed: int | None = None
    exclude: tuple[str, ...] = ()
    exclude_artists: tuple[str, ...] = ()
    artist_gap: int = 0
    rules: Rules = NO_RULES
    duration_s: int | None = None
    after: tuple[str, ...] = ()
    to: Seed | None = None
    beam_width: int = 8
    reasons: bool = False

    @property
    def looked_at(self) -> int:
        """How many tracks of each ranking are looked at."""
        return {Choosing.GREEDY: 1, Choosing.SAMPLE: self.top_k, Choosing.BEAM: self.beam_width}[self.choosing]

    @property
    def standing(self) -> Ask:
        """The rules that hold from the first track to the last; the gaps and the share of an artist move along."""
        unmoved = replace(self.rules, album_gap=0, max_per_artist=None)
        return Ask(limit=1, exclude=self.exclude, exclude_artists=self.exclude_artists, rules=unmoved)


@dataclass(frozen=True, slots=True)
class Playlist:
    """The tracks in playing order. `shortfall` says why there are fewer than were asked for, if so.

    `seeds` are the track ids that were read, in their order. `pool_before`, `pool_after` and `taken` count the
    candidates for the last track, or for the one that could not be found, and those each rule took of them.
    """

    playlist_id: str
    checkpoint_id: str
    seeds: tuple[str, ...]
    unknown_tracks: tuple[str, ...]
    tracks: tuple[RankedTrack, ...]
    seed: int | None = None
    shortfall: str | None = None
    degraded: tuple[str, ...] = ()
    pool_before: int = 0
    pool_after: int = 0
    taken: Mapping[str, int] = field(default_factory=dict)
    reasons: tuple[tuple[Reason, ...], ...] = ()

    @property
    def duration_s(self) -> int:
        """How long it plays, as far as the catalogue knows."""
        return sum(map(playing_s, (ranked.track for ranked in self.tracks)))


def playing_s(track: Track) -> int:
    """Return how long a track plays."""
    return USUAL_S if track.duration_s is None else track.duration_s


def nucleus(probabilities: Sequence[float], temperature: float, top_p: float) -> list[float]:
    """Return the sampling weights of a ranking, most probable first, summing to 1.

    p^(1/temperature), renormalised; the tail beyond `top_p` is cut (nucleus sampling, Holtzman et al., ICLR 2020).
    At least one track always keeps a positive weight.
    """
    logs = [math.log(max(p, 1e-300)) / temperature for p in probabilities]
    weights = [math.exp(value - logs[0]) for value in logs]
    total = sum(weights)
    kept: list[float] = []
    mass = 0.0
    for weight in weights:
        kept.append(weight)
        mass += weight / total
        if mass >= top_p:
            break
    kept_total = sum(kept)
    return [weight / kept_total for weight in kept]


def choose(probabilities: Sequence[float], ask: PlaylistAsk, random: Random) -> Sequence[int]:
    """Return the positions in the ranking of the tracks that may be played next: one, or several of a beam."""
    if ask.choosing is Choosing.SAMPLE:
        weights = nucleus(probabilities[: ask.top_k], ask.temperature, ask.top_p)
        return random.choices(range(len(weights)), weights=weights)
    return range(min(ask.looked_at, len(probabilities)))
