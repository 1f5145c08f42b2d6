"""Traits: what a catalogue tells of a track that other tracks share. Its artist, genre and tags, and its decade.

Knows nothing of networks or of who listens.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from scipy import sparse

from app.domain.catalogue import Track
from app.domain.spelling import text_key

Trait = tuple[str, str | int]


class Traits:
    """The traits of a catalogue's tracks, numbered: each is a column of the matrices they make."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._column: dict[Trait, int] = {}
        for track in tracks:
            for trait, _ in traits_of(track):
                self._column.setdefault(trait, len(self._column))

    def __len__(self) -> int:
        return len(self._column)

    def matrix(self, tracks: Iterable[Track]) -> sparse.csr_array:
        """Return which of the tracks have which of these traits, and how much, (N, F); traits unknown here are none."""
        starts, columns, weights = [0], [], []
        for track in tracks:
            for trait, weight in traits_of(track):
                if (column := self._column.get(trait)) is not None:
                    columns.append(column)
                    weights.append(weight)
            starts.append(len(columns))
        parts = (np.array(weights, np.float32), np.array(columns, np.int64), np.array(starts, np.int64))
        return sparse.csr_array(parts, shape=(len(starts) - 1, len(self)))


def traits_of(track: Track) -> Iterator[tuple[Trait, float]]:
    """Yield each trait of a track, however it is spelled, and its weight: many tags weigh no more than one."""
    if track.artist:
        yield ("artist", text_key(track.artist)), 1.0
    if track.genre:
        yield ("genre", text_key(track.genre)), 1.0
    if track.year is not None:
        yield ("decade", track.year // 10), 1.0
    tags = {text_key(tag) for tag in track.tags}
    for tag in sorted(tags):
        yield ("tag", tag), 1.0 / len(tags) ** 0.5
