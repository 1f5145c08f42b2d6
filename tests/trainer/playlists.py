"""Sessions written by hand, and drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st

from app.dataset.folder import Sessions


def sessions_of(*playlists: list[int]) -> Sessions:
    """Return playlists of catalogue rows as sessions without times."""
    offsets = np.cumsum([0, *map(len, playlists)]).astype(np.int64)
    tracks = np.array([track for playlist in playlists for track in playlist], dtype=np.int32)
    return Sessions(tracks, offsets, np.zeros(len(tracks), np.int64))


def playlists(catalogue_size: int, least: int = 1, most: int = 12) -> st.SearchStrategy[list[list[int]]]:
    """Return a strategy of sessions over a small catalogue, so that pairs of tracks meet more than once."""
    track = st.integers(0, catalogue_size - 1)
    return st.lists(st.lists(track, min_size=1, max_size=8), min_size=least, max_size=most)
