"""Arrays to find tracks by: by id, by song and by artist, without a dictionary of all of them in every process.

Names are found by 64 bits of a hash. Knows nothing of files.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.catalogue import Track
from app.domain.spelling import song_key, text_key

NAMES = ("id_hashes", "id_rows", "song_starts", "song_rows", "artist_hashes", "artist_rows")

Array = NDArray[np.uint64] | NDArray[np.int32]


def hash_of(name: str) -> int:
    """Return 64 bits of the BLAKE2b hash of a name."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class TrackKeys:
    """Gathers the hashes of tracks as they pass by."""

    def __init__(self) -> None:
        self._ids, self._songs, self._artists = (list[NDArray[np.uint64]]() for _ in range(3))

    def add(self, tracks: Sequence[Track]) -> None:
        """Take in the next tracks."""
        self._ids.append(_hashes(track.track_id for track in tracks))
        self._songs.append(_hashes(song_key(track.artist, track.title) for track in tracks))
        self._artists.append(_hashes(text_key(track.artist) for track in tracks))

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by name, each as long as there are tracks.

        id_hashes and artist_hashes ascend, their rows beside them. song_rows holds the releases of a song side by side,
        song_starts where those of each row's song begin. Two songs of one hash would be taken for one: of ten million
        tracks that happens in one catalogue of four hundred thousand.
        """
        ids, songs, artists = (
            np.concatenate([np.empty(0, np.uint64), *parts]) for parts in (self._ids, self._songs, self._artists)
        )
        by_id, by_song, by_artist = (np.argsort(hashes, kind="stable") for hashes in (ids, songs, artists))
        begins = np.append(True, np.diff(songs[by_song]) != 0)[: len(songs)]
        starts = np.empty(len(songs), np.int32)
        starts[by_song] = np.maximum.accumulate(np.where(begins, np.arange(len(songs)), 0))
        return {
            "id_hashes": ids[by_id],
            "id_rows": by_id.astype(np.int32),
            "song_starts": starts,
            "song_rows": by_song.astype(np.int32),
            "artist_hashes": artists[by_artist],
            "artist_rows": by_artist.astype(np.int32),
        }


class Lookups:
    """Looks tracks up in the arrays, wherever they lie; a hash that is found may still be another name's."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        """Take sound arrays, as `sound` tells."""
        # Of memory views, elements are plain numbers; those of arrays cost three times as much.
        views = {name: memoryview(array) for name, array in arrays.items()}  # type: ignore[arg-type]
        self._ids, self._id_rows = views["id_hashes"], views["id_rows"]
        self._song_starts, self._song_rows = views["song_starts"], views["song_rows"]
        self._artists, self._artist_rows = views["artist_hashes"], views["artist_rows"]

    def with_id(self, track_id: str) -> Iterator[int]:
        """Yield the rows whose id may be this one."""
        wanted = hash_of(track_id)
        at = bisect_left(self._ids, wanted)
        while at < len(self._ids) and self._ids[at] == wanted:
            yield self._id_rows[at]
            at += 1

    def releases(self, row: int) -> tuple[int, ...]:
        """Return the rows of every release of a row's song, itself included."""
        start = end = self._song_starts[row]
        while end < len(self._song_rows) and self._song_starts[self._song_rows[end]] == start:
            end += 1
        return tuple(self._song_rows[start:end])

    def of_artist(self, key: str) -> slice:
        """Return where the rows of the artist lie whose folded name has this one's hash."""
        wanted = hash_of(key)
        first = bisect_left(self._artists, wanted)
        return slice(first, bisect_right(self._artists, wanted, lo=first))

    def artist_rows(self, bounds: slice) -> list[int]:
        """Return an artist's rows, ascending."""
        return self._artist_rows[bounds].tolist()


def sound(arrays: Mapping[str, Array], tracks: int) -> bool:
    """Tell whether no look-up can reach outside, and each finds what it should: sizes, bounds, order."""
    return all(
        len(array) == tracks
        and (bool((array[1:] >= array[:-1]).all()) if name.endswith("hashes") else _within(array, tracks))
        for name, array in arrays.items()
    )


def _within(rows: Array, tracks: int) -> bool:
    return not len(rows) or bool(rows.min() >= 0 and rows.max() < tracks)


def _hashes(names: Iterable[str]) -> NDArray[np.uint64]:
    return np.fromiter(map(hash_of, names), np.uint64)
