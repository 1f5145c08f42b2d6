"""The song map: tracks as points on a plane, near each other where the network finds them alike.

Knows nothing of how the places were found, nor of who looks at them.
"""

from dataclasses import dataclass

MOST_POINTS = 20_000
"""Points of one map: more would be drawn on top of each other."""


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One track and its place; x and y lie in [-1, 1]. `genre` is its genre or first tag, `cluster` a number below 12.

    Clusters are groups of tracks that the network finds alike, for catalogues that tell no genres.
    """

    track_id: str
    title: str
    artist: str
    genre: str | None
    x: float
    y: float
    cluster: int


@dataclass(frozen=True, slots=True)
class SongMap:
    """The most popular tracks of a catalogue of `catalogue_size`, the most popular first."""

    catalogue_size: int
    points: tuple[MapPoint, ...]
