"""The catalogue: every track a checkpoint can rank, and its row number in the network.

Knows nothing of files or tensors; whoever reads a catalogue from somewhere hands over the tracks in row order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from app.domain.spelling import song_key, text_key


@dataclass(frozen=True, slots=True)
class Track:
    """One recording as the catalogue knows it.

    `explicit` is None where nobody told. `markets` are the countries it may be played in, by their two letters of
    ISO 3166-1; none where nobody told: everywhere.
    """

    track_id: str
    title: str
    artist: str
    album: str | None = None
    year: int | None = None
    genre: str | None = None
    tags: tuple[str, ...] = ()
    duration_s: int | None = None
    explicit: bool | None = None
    markets: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The track as a person writes it: `Artist - Title`."""
        return f"{self.artist} - {self.title}" if self.artist else self.title


class Catalogue:
    """All tracks of one checkpoint; a track's position is its row in the network's tables."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks
        self._index = {track.track_id: index for index, track in enumerate(tracks)}
        if len(self._index) != len(tracks):
            raise ValueError(f"Expected distinct track ids, got {len(tracks) - len(self._index)} repeated.")

    def __len__(self) -> int:
        return len(self._tracks)

    def __getitem__(self, index: int) -> Track:
        return self._tracks[index]

    def __iter__(self) -> Iterator[Track]:
        return iter(self._tracks)

    def stated(self, name: str) -> Iterator[Any]:
        """Yield what is told of every track under the name of a field, in row order."""
        return (getattr(track, name) for track in self._tracks)

    def artist_of(self, index: int) -> str:
        """Return the artist of a track."""
        return self._tracks[index].artist

    def index_of(self, track_id: str) -> int | None:
        """Return the track's row, or None for a track this catalogue does not hold."""
        return self._index.get(track_id)

    def rows_of(self, track_ids: Iterable[str]) -> list[int]:
        """Return the rows of tracks, in the order given; those this catalogue does not hold are left out."""
        return [row for row in map(self.index_of, track_ids) if row is not None]

    def unknown_among(self, track_ids: Set[str]) -> list[str]:
        """Return the ids of the tracks this catalogue does not hold, in order."""
        return sorted(track_id for track_id in track_ids if self.index_of(track_id) is None)

    def same_song(self, index: int) -> Sequence[int]:
        """Return the rows of every release of this track's song, itself included."""
        return self._releases.get(index) or (index,)

    def songs_of(self, track_ids: Iterable[str]) -> set[int]:
        """Return the rows of every release of these tracks' songs; ids this catalogue does not hold are left out."""
        return set(chain.from_iterable(map(self.same_song, self.rows_of(track_ids))))

    def of_artist(self, artist: str) -> Sequence[int]:
        """Return the rows of every track of an artist, however the name is spelled."""
        return self._rows_by_artist.get(text_key(artist), ())

    @cached_property
    def rows_by_tag(self) -> Mapping[str, Sequence[int]]:
        """The ascending rows of each tag and genre, by its folded name."""
        rows = defaultdict[str, list[int]](list)
        for row, track in enumerate(self._tracks):
            for name in {text_key(name) for name in (*track.tags, *((track.genre,) if track.genre else ()))}:
                rows[name].append(row)
        return rows

    def warm_up(self) -> None:
        """Build what the first request would otherwise wait for."""
        self.same_song(0)
        self.of_artist("")

    @cached_property
    def _releases(self) -> dict[int, tuple[int, ...]]:
        # Only songs of several releases are kept: nearly every track is the one release of its song.
        rows: dict[str, list[int]] = {}
        for index, track in enumerate(self._tracks):
            rows.setdefault(song_key(track.artist, track.title), []).append(index)
        return {index: tuple(group) for group in rows.values() if len(group) > 1 for index in group}

    @cached_property
    def _rows_by_artist(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for index, track in enumerate(self._tracks):
            rows.setdefault(text_key(track.artist), []).append(index)
        return rows
