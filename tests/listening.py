"""Listening made for tests, whose rule is known: rings of tracks that a small network learns in seconds.

Knows nothing of what is learned from it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Dataset, Sessions, fingerprint_of, write_dataset
from app.domain.catalogue import Catalogue, Track


def sessions_of(*playlists: list[int]) -> Sessions:
    """Return playlists of catalogue rows as sessions without times."""
    offsets = np.cumsum([0, *map(len, playlists)]).astype(np.int64)
    tracks = np.array([track for playlist in playlists for track in playlist], dtype=np.int32)
    return Sessions(tracks, offsets, np.zeros(len(tracks), np.int64))


def dataset_of(playlists: NDArray[np.int64], tracks: int) -> Dataset:
    """Make a data set of sessions of equal length (S, T) over so many tracks of one artist."""
    catalogue = Catalogue([Track(f"t{row}", f"Title {row}", "Artist") for row in range(tracks)])
    sessions = sessions_of(*playlists.tolist())
    return Dataset(catalogue, sessions, fingerprint_of(catalogue, sessions), {})


def ring_walks(tracks: int, count: int, length: int, *, noise: float = 0.0, seed: int = 31) -> NDArray[np.int64]:
    """Draw playlists (count, length) in which one track follows each, or with probability `noise` any track."""
    generator = np.random.default_rng(seed)
    playlists = generator.integers(tracks, size=(count, length))
    for step in range(1, length):
        follows = generator.random(count) < 1 - noise
        playlists[:, step] = np.where(follows, (playlists[:, step - 1] * 7 + 3) % tracks, playlists[:, step])
    return playlists


def ring(tracks: int, count: int, length: int, *, noise: float = 0.0, seed: int = 31) -> Dataset:
    """Make a data set of ring walks."""
    return dataset_of(ring_walks(tracks, count, length, noise=noise, seed=seed), tracks)


def written(dataset: Dataset, folder: Path) -> Path:
    """Write a data set to a folder and return that."""
    write_dataset(folder, dataset.catalogue, dataset.sessions, {})
    return folder
