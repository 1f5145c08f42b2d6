"""The song map as callers see it. Knows nothing of how places are found."""

from typing_extensions import TypedDict

from app.domain.song_map import SongMap


class MapPointAnswer(TypedDict):
    """One track and its place; `x` and `y` lie in [-1, 1], `cluster` is a number below 12."""

    track_id: str
    title: str
    artist: str
    genre: str | None
    x: float
    y: float
    cluster: int


class SongMapAnswer(TypedDict):
    """The most popular of the `tracks` in the catalogue, the most popular first."""

    checkpoint_id: str
    tracks: int
    points: list[MapPointAnswer]


def song_map_answer(checkpoint_id: str, song_map: SongMap, limit: int) -> SongMapAnswer:
    """Write a map for the wire."""
    return {
        "checkpoint_id": checkpoint_id,
        "tracks": song_map.catalogue_size,
        "points": [
            {
                "track_id": point.track_id,
                "title": point.title,
                "artist": point.artist,
                "genre": point.genre,
                "x": round(point.x, 4),
                "y": round(point.y, 4),
                "cluster": point.cluster,
            }
            for point in song_map.points[:limit]
        ],
    }
