"""Playlists of catalogue rows, drawn by hypothesis."""

from hypothesis import strategies as st


def playlists(catalogue_size: int, least: int = 1, most: int = 12) -> st.SearchStrategy[list[list[int]]]:
    """Return a strategy of sessions over a small catalogue, so that pairs of tracks meet more than once."""
    track = st.integers(0, catalogue_size - 1)
    return st.lists(st.lists(track, min_size=1, max_size=8), min_size=least, max_size=most)
