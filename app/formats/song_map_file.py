"""A song map as a Parquet file: one row per point, the most popular first. Knows nothing of checkpoints."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.song_map import MapPoint, SongMap
from app.errors import UnreadableSource

_SIZE = b"segue.catalogue_size"
SCHEMA = pa.schema(
    [
        pa.field("track_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist", pa.string(), nullable=False),
        pa.field("genre", pa.string()),
        pa.field("x", pa.float64(), nullable=False),
        pa.field("y", pa.float64(), nullable=False),
        pa.field("cluster", pa.uint8(), nullable=False),
    ]
)


def write_song_map(path: Path, song_map: SongMap) -> None:
    """Write a map; the same map gives the same bytes."""
    columns = {name: [getattr(point, name) for point in song_map.points] for name in SCHEMA.names}
    told = SCHEMA.with_metadata({_SIZE: str(song_map.catalogue_size).encode()})
    pq.write_table(pa.table(columns, schema=told), path, compression="zstd")


def read_song_map(path: Path) -> SongMap:
    """Read a map; raise UnreadableSource when it is missing, no Parquet, or not a map."""
    try:
        table = pq.read_table(path)
        size = int((table.schema.metadata or {})[_SIZE])
        rows = zip(*(table.column(name).to_pylist() for name in SCHEMA.names), strict=True)
        return SongMap(size, tuple(MapPoint(*row) for row in rows))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UnreadableSource(f"Expected a song map at {path}, but it cannot be read: {error}") from error
