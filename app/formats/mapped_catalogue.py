"""A catalogue in a mapped Arrow file: columns and look-ups that all processes share, tracks built when asked for.

One that is read costs milliseconds and next to no memory, however large it is. Knows nothing of checkpoints.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any
from weakref import proxy

import numpy as np
import pyarrow as pa

from app.domain.catalogue import Catalogue, Track
from app.domain.spelling import text_key
from app.errors import UnreadableSource
from app.formats.catalogue_file import ADDED, SCHEMA, columns_of, countries, told, tracks_of
from app.formats.catalogue_lookups import NAMES, Array, Lookups, TrackKeys, sound
from app.formats.mapped_columns import Flags, Lists, Numbers, Repeated, Texts, Untold
from app.formats.tag_rows import rows_by_tag

_AT_ONCE = 10_000
_REMEMBERED = 1 << 16
"""Ids whose rows are remembered, and whose releases are: what is popular is looked up again and again."""

_ARTISTS_REMEMBERED = 1 << 14
"""Names whose tracks are found without folding them first."""

_TRACKS_REMEMBERED = 1 << 15
"""Tracks that are kept once they were built: some 16 MB in every process, for what is popular is suggested again."""

_EMPTY = pa.RecordBatch.from_pylist([], schema=SCHEMA)
_UNTOLD = Track("", "", "")
_HASHES = {name: pa.uint64() if name.endswith("hashes") else pa.int32() for name in NAMES}


class MappedCatalogue(Catalogue):
    """The tracks of a file written by `write_mapped_catalogue`."""

    def __init__(self, path: Path, table: pa.Table) -> None:
        self.path = path
        self.table = table.select([name for name in SCHEMA.names if name in table.column_names])
        columns = {
            name: table.column(name).chunk(0) if table.num_rows else _EMPTY.column(name)
            for name in self.table.column_names
        }
        self._ids, self._titles, self._artists = (Texts(columns[name]) for name in ("track_id", "title", "artist"))
        self._albums, self._genres = (Texts(columns[name]) for name in ("album", "genre"))
        self._years, self._durations = (Numbers(columns[name]) for name in ("year", "duration_s"))
        self._tags = Lists(columns["tags"])
        self._explicit = Flags(columns["explicit"]) if "explicit" in columns else Untold()
        self._markets = Repeated(columns["markets"]) if "markets" in columns else Untold()
        self._lookups = Lookups(_lookup_arrays(table))
        self._rows: dict[str, int] = {}
        self._kept: dict[int, Track] = {}
        self._songs = _Songs(self)
        self._bounds: dict[str, slice] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, index: int) -> Track:
        track = self._kept.get(index)
        if track is None:
            if len(self._kept) >= _TRACKS_REMEMBERED:
                self._kept.clear()
            track = self._kept[index] = self._built(range(len(self))[index])
        return track

    def __iter__(self) -> Iterator[Track]:
        for batch in self.table.to_batches(max_chunksize=_AT_ONCE):
            yield from tracks_of(batch)

    def stated(self, name: str) -> Iterator[Any]:
        """Yield what is told of every track under the name of a field, in row order; no track is built for it."""
        if name not in self.table.column_names:
            yield from repeat(getattr(_UNTOLD, name), len(self))
            return
        for batch in self.table.select([name]).to_batches(max_chunksize=_AT_ONCE):
            values = batch.column(0).to_pylist()
            yield from map(countries, values) if name == "markets" else values

    def _built(self, row: int) -> Track:
        return Track(
            self._ids[row],
            self._titles[row],
            self._artists[row],
            self._albums.get(row),
            self._years.get(row),
            self._genres.get(row),
            self._tags[row],
            self._durations.get(row),
            self._explicit.get(row),
            countries(self._markets.get(row)),
        )

    @cached_property
    def rows_by_tag(self) -> Mapping[str, Sequence[int]]:
        """The ascending rows of each tag and genre, by its folded name."""
        return rows_by_tag(*(self.table.column(name).combine_chunks() for name in ("tags", "genre")))

    def warm_up(self) -> None:
        """Do nothing: all was made when the file was."""

    def artist_of(self, index: int) -> str:
        """Return the artist of a track, which is not built for it."""
        return self._artists[index]

    def index_of(self, track_id: str) -> int | None:
        """Return the track's row, or None for a track this catalogue does not hold."""
        row = self._rows.get(track_id)
        if row is None:
            row = next((row for row in self._lookups.with_id(track_id) if self._ids[row] == track_id), None)
            if row is not None:
                if len(self._rows) >= _REMEMBERED:
                    self._rows.clear()
                self._rows[track_id] = row
        return row

    def rows_of(self, track_ids: Iterable[str]) -> list[int]:
        """Return the rows of tracks, in the order given; those this catalogue does not hold are left out."""
        track_ids = tuple(track_ids)
        # Nearly all are remembered: a look-up that is no call takes a tenth of one that is.
        rows = list(map(self._rows.get, track_ids))
        if None in rows:
            rows = list(map(self.index_of, track_ids))
        return [row for row in rows if row is not None]

    def unknown_among(self, track_ids: Set[str]) -> list[str]:
        """Return the ids of the tracks this catalogue does not hold, in order."""
        # One by one: a set less a dictionary's keys walks through all the keys that are remembered.
        return super().unknown_among({track_id for track_id in track_ids if track_id not in self._rows})

    def same_song(self, index: int) -> Sequence[int]:
        """Return the rows of every release of this track's song, itself included."""
        return self._lookups.releases(index)

    def songs_of(self, track_ids: Iterable[str]) -> set[int]:
        """Return the rows of every release of these tracks' songs; ids this catalogue does not hold are left out."""
        return set(chain.from_iterable(map(self._songs.__getitem__, track_ids)))

    def of_artist(self, artist: str) -> Sequence[int]:
        """Return the rows of every track of an artist, however the name is spelled."""
        bounds = self._bounds.get(artist)
        if bounds is None:
            if len(self._bounds) >= _ARTISTS_REMEMBERED:
                self._bounds.clear()
            bounds = self._bounds[artist] = self._bounds_of(text_key(artist))
        return self._lookups.artist_rows(bounds)

    def _bounds_of(self, key: str) -> slice:
        bounds = self._lookups.of_artist(key)
        rows = self._lookups.artist_rows(bounds)
        return bounds if rows and text_key(self._artists[rows[0]]) == key else slice(0)


class _Songs(dict[str, Sequence[int]]):
    """The releases of songs by the ids of their tracks; those that were asked for are found without a call."""

    def __init__(self, catalogue: MappedCatalogue) -> None:
        super().__init__()
        # By proxy: the catalogue holds this, and what it maps is to go with it at once.
        self._catalogue = proxy(catalogue)

    def __missing__(self, track_id: str) -> Sequence[int]:
        row = self._catalogue.index_of(track_id)
        if row is None:
            return ()  # not remembered: anybody may ask for anything
        if len(self) >= _REMEMBERED:
            self.clear()
        songs: Sequence[int] = self._catalogue.same_song(row)
        self[track_id] = songs
        return songs


def write_mapped_catalogue(path: Path, tracks: Iterable[Track]) -> None:
    """Write tracks as they come, with look-ups over all of them; only columns are held."""
    batches, keys = list[pa.RecordBatch](), TrackKeys()
    coming = iter(tracks)
    while part := list(islice(coming, _AT_ONCE)):
        keys.add(part)
        batches.append(pa.record_batch(columns_of(part), schema=SCHEMA))
    # In one piece, so that a row is found by its offset alone.
    table = told(pa.Table.from_batches(batches, schema=SCHEMA).unify_dictionaries().combine_chunks())
    for name, array in keys.arrays().items():
        table = table.append_column(pa.field(name, _HASHES[name], nullable=False), pa.array(array))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(table.num_rows, 1))


def read_mapped_catalogue(path: Path) -> MappedCatalogue:
    """Map a catalogue; raise UnreadableSource where it is damaged or not written by `write_mapped_catalogue`."""
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSource(f"Expected an Arrow catalogue at {path}, but it cannot be read: {error}") from error
    facts = (field for field in SCHEMA if field.name not in ADDED or field.name in table.column_names)
    wanted = pa.schema([*facts, *(pa.field(name, kind, nullable=False) for name, kind in _HASHES.items())])
    if not table.schema.equals(wanted) or any(column.num_chunks > 1 for column in table.columns):
        raise UnreadableSource(f"Expected the columns {', '.join(wanted.names)} in {path.name}, each in one piece.")
    if not sound(_lookup_arrays(table), table.num_rows):
        raise UnreadableSource(f"Expected look-ups of {table.num_rows} tracks in {path.name}, got others.")
    return MappedCatalogue(path, table)


def _lookup_arrays(table: pa.Table) -> dict[str, Array]:
    return {name: table.column(name).chunk(0).to_numpy() if table.num_rows else np.empty(0, np.int32) for name in NAMES}
