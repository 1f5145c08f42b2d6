"""The catalogue as a Parquet file: one row per track, row order is index order.

Knows nothing of data sets or checkpoints; both keep their catalogue in this form.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.catalogue import Catalogue, Track
from app.errors import UnreadableSource

_SCHEMA = pa.schema(
    [
        pa.field("track_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist", pa.string(), nullable=False),
        pa.field("album", pa.string()),
        pa.field("year", pa.int32()),
        pa.field("genre", pa.string()),
        pa.field("tags", pa.list_(pa.string()), nullable=False),
        pa.field("duration_s", pa.int32()),
    ]
)


def write_catalogue(path: Path, catalogue: Catalogue) -> None:
    """Write the catalogue; the same catalogue gives the same bytes."""
    columns = {
        "track_id": [track.track_id for track in catalogue],
        "title": [track.title for track in catalogue],
        "artist": [track.artist for track in catalogue],
        "album": [track.album for track in catalogue],
        "year": [track.year for track in catalogue],
        "genre": [track.genre for track in catalogue],
        "tags": [list(track.tags) for track in catalogue],
        "duration_s": [track.duration_s for track in catalogue],
    }
    pq.write_table(pa.table(columns, schema=_SCHEMA), path, compression="zstd")


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue file; raise UnreadableSource when it is missing, no Parquet, or lacks a column."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UnreadableSource(f"Expected a catalogue file at {path}, found nothing.") from None
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSource(f"Expected a Parquet catalogue at {path}, but it cannot be read: {error}") from error
    missing = [name for name in _SCHEMA.names if name not in table.column_names]
    if missing:
        raise UnreadableSource(f"Expected the columns {', '.join(_SCHEMA.names)} in {path}; {missing[0]} is missing.")
    columns = [table.column(name).to_pylist() for name in _SCHEMA.names]
    try:
        return Catalogue(
            [
                Track(track_id, title, artist, album, year, genre, tuple(tags), duration_s)
                for track_id, title, artist, album, year, genre, tags, duration_s in zip(*columns, strict=True)
            ]
        )
    except ValueError as error:
        raise UnreadableSource(f"The catalogue at {path} cannot be used. {error}") from error
