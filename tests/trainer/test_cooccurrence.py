"""Vectors from what is heard near what: neighbours lie together, strangers apart."""

import numpy as np

from app.dataset.folder import Sessions
from app.trainer.cooccurrence import cooccurrence_vectors


def listening(communities: int, size: int, sessions: int) -> Sessions:
    """Draw sessions that stay within one community of tracks."""
    generator = np.random.default_rng(41)
    home = generator.integers(communities, size=sessions)[:, None]
    tracks = home * size + generator.integers(size, size=(sessions, 6))
    offsets = np.arange(sessions + 1, dtype=np.int64) * 6
    return Sessions(tracks.astype(np.int32).ravel(), offsets, np.zeros(sessions * 6, np.int64))


def test_tracks_of_one_community_point_the_same_way() -> None:
    vectors = cooccurrence_vectors(listening(5, 8, 400), 40, 10, seed=1)
    cosines = vectors @ vectors.T
    same = np.kron(np.eye(5, dtype=bool), np.ones((8, 8), bool))
    assert cosines[same].mean() > 0.8
    assert abs(cosines[~same].mean()) < 0.1


def test_every_track_gets_a_unit_vector_heard_or_not() -> None:
    vectors = cooccurrence_vectors(listening(2, 5, 50), 30, 12, seed=1)
    assert vectors.shape == (30, 12)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_the_same_seed_gives_the_same_vectors() -> None:
    sessions = listening(3, 4, 60)
    assert np.array_equal(cooccurrence_vectors(sessions, 12, 5, 7), cooccurrence_vectors(sessions, 12, 5, 7))


def test_nothing_heard_together_gives_random_directions() -> None:
    alone = Sessions(np.arange(6, dtype=np.int32), np.arange(7, dtype=np.int64), np.zeros(6, np.int64))
    vectors = cooccurrence_vectors(alone, 6, 4, seed=2)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_a_catalogue_smaller_than_the_vectors() -> None:
    vectors = cooccurrence_vectors(listening(1, 3, 20), 3, 8, seed=3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
