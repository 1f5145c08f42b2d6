"""The catalogue as a Parquet file: one row per track, row order is index order.

Columns that nobody told anything for are left out, and one that is not there tells nothing: files of before explicit
words and countries were known are read as ever. Knows nothing of data sets or checkpoints; both keep their catalogue in
this form.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.catalogue import Catalogue, Track
from app.errors import UnreadableSource

SCHEMA = pa.schema(
    [
        pa.field("track_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist", pa.string(), nullable=False),
        pa.field("album", pa.string()),
        pa.field("year", pa.int32()),
        pa.field("genre", pa.string()),
        pa.field("tags", pa.list_(pa.string()), nullable=False),
        pa.field("duration_s", pa.int32()),
        pa.field("explicit", pa.bool_()),
        # Countries with spaces between them. Tracks by the thousand share one list of up to two hundred.
        pa.field("markets", pa.dictionary(pa.int32(), pa.string())),
    ]
)
ADDED = ("explicit", "markets")
"""Columns that a file may lack."""


def columns_of(tracks: Iterable[Track]) -> dict[str, list[Any]]:
    """Return the columns of tracks, by the names of `SCHEMA`."""
    tracks = list(tracks)
    return {
        "track_id": [track.track_id for track in tracks],
        "title": [track.title for track in tracks],
        "artist": [track.artist for track in tracks],
        "album": [track.album for track in tracks],
        "year": [track.year for track in tracks],
        "genre": [track.genre for track in tracks],
        "tags": [list(track.tags) for track in tracks],
        "duration_s": [track.duration_s for track in tracks],
        "explicit": [track.explicit for track in tracks],
        "markets": [" ".join(sorted(track.markets)) or None for track in tracks],
    }


def told(table: pa.Table) -> pa.Table:
    """Return the table without added columns that tell nothing."""
    return table.drop_columns([name for name in ADDED if table.column(name).null_count == table.num_rows])


def tracks_of(table: pa.Table) -> Iterator[Track]:
    """Yield the tracks of a table or batch in row order."""
    nothing = [None] * table.num_rows
    there = set(table.schema.names)
    columns = [table.column(name).to_pylist() if name in there else nothing for name in SCHEMA.names]
    for track_id, title, artist, album, year, genre, tags, duration_s, explicit, markets in zip(*columns, strict=True):
        yield Track(track_id, title, artist, album, year, genre, tuple(tags), duration_s, explicit, countries(markets))


@lru_cache(maxsize=4096)
def countries(markets: str | None) -> frozenset[str]:
    """Return the countries in a text of the column `markets`: the same set for the same text."""
    return frozenset(markets.split()) if markets else frozenset()


def write_catalogue(path: Path, catalogue: Catalogue) -> None:
    """Write the catalogue; the same catalogue gives the same bytes."""
    write_table(path, told(pa.table(columns_of(catalogue), schema=SCHEMA)))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a catalogue that is a table already."""
    pq.write_table(table, path, compression="zstd")


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue file; raise UnreadableSource when it is missing, no Parquet, or lacks a column."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UnreadableSource(f"Expected a catalogue file at {path}, found nothing.") from None
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSource(f"Expected a Parquet catalogue at {path}, but it cannot be read: {error}") from error
    missing = [name for name in SCHEMA.names if name not in (*table.column_names, *ADDED)]
    if missing:
        raise UnreadableSource(f"Expected the columns {', '.join(SCHEMA.names)} in {path}; {missing[0]} is missing.")
    try:
        return Catalogue(list(tracks_of(table)))
    except ValueError as error:
        raise UnreadableSource(f"The catalogue at {path} cannot be used. {error}") from error
