"""A playlist: how many tracks ahead, and how each next one is chosen from its ranking.

Knows nothing of the network; it is handed one ranking at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from app.domain.recommendation import RankedTrack


class Choosing(StrEnum):
    """How the next track is taken from a ranking."""

    GREEDY = "greedy"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class PlaylistAsk:
    """What the caller wants: `length` tracks after `seeds` (track ids, oldest first) or a listener's session.

    Sampling draws from the `top_k` most probable tracks whose probabilities, raised to 1/temperature, reach
    `top_p` together. The same `seed` gives the same playlist from the same start and checkpoint.
    """

    length: int
    seeds: tuple[str, ...] = ()
    listener_id: str | None = None
    choosing: Choosing = Choosing.GREEDY
    temperature: float = 1.0
    top_k: int = 100
    top_p: float = 1.0
    seed: int | None = None
    exclude: tuple[str, ...] = ()
    exclude_artists: tuple[str, ...] = ()
    artist_gap: int = 0


@dataclass(frozen=True, slots=True)
class Playlist:
    """The tracks in playing order. `shortfall` says why there are fewer than were asked for, if so."""

    playlist_id: str
    checkpoint_id: str
    seeds: tuple[str, ...]
    unknown_tracks: tuple[str, ...]
    tracks: tuple[RankedTrack, ...]
    seed: int | None = None
    shortfall: str | None = None
    degraded: tuple[str, ...] = ()


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


def choose(probabilities: Sequence[float], ask: PlaylistAsk, random: Random) -> int:
    """Return the position in the ranking of the track to play next."""
    if ask.choosing is Choosing.GREEDY:
        return 0
    weights = nucleus(probabilities[: ask.top_k], ask.temperature, ask.top_p)
    return random.choices(range(len(weights)), weights=weights)[0]
