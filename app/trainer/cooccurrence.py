"""Vectors of tracks from what is heard near what: a start for the network that costs seconds.

Tracks heard a few times only hardly move from a random start in a few epochs; from here they begin among their
neighbours. Knows nothing of networks.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from app.dataset.folder import Sessions

_WINDOW = 8
_DECAY = 0.7
_SMOOTHING = 0.75
_OVERSAMPLING = 20
_POWER_ITERATIONS = 4
_LEAST_LENGTH = 1e-8


def cooccurrence_vectors(sessions: Sessions, catalogue_size: int, size: int, seed: int) -> NDArray[np.float32]:
    """Return a unit-length vector for each track, (V, size), whose cosines follow the tracks' association.

    The positive pointwise mutual information of tracks at most 8 steps apart, nearer ones weighing more, with the
    context's counts smoothed by a power of .75 (Levy, Goldberg & Dagan, TACL 2015), factorised by a randomised
    eigendecomposition (Halko, Martinsson & Tropp, SIAM Review 2011) with the eigenvalues' square roots as weights.
    A track that was never heard beside another gets a random direction.
    """
    generator = np.random.default_rng(seed)
    association = _association(_near(sessions, catalogue_size))
    vectors = np.zeros((catalogue_size, size), np.float32)
    values, directions = _strongest(association, min(size, catalogue_size), generator)
    vectors[:, : len(values)] = directions * np.sqrt(np.abs(values))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lost = lengths[:, 0] < _LEAST_LENGTH
    vectors[lost] = generator.standard_normal((int(lost.sum()), size))
    lengths[lost] = np.linalg.norm(vectors[lost], axis=1, keepdims=True)
    vectors /= lengths
    return vectors


def _near(sessions: Sessions, catalogue_size: int) -> sparse.csr_array:
    """Return how much each two different tracks were heard near each other, (V, V), symmetric."""
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    near = sparse.csr_array((catalogue_size, catalogue_size), dtype=np.float64)
    for steps in range(1, min(_WINDOW, len(session) - 1) + 1):
        before, after = sessions.tracks[:-steps], sessions.tracks[steps:]
        counts = (session[:-steps] == session[steps:]) & (before != after)
        weights = np.full(int(counts.sum()), _DECAY ** (steps - 1))
        near = near + sparse.csr_array((weights, (before[counts], after[counts])), shape=near.shape)
    return near + near.T


def _association(near: sparse.csr_array) -> sparse.csr_array:
    """Return the positive pointwise mutual information of a matrix of counts, made symmetric."""
    pairs = near.tocoo()
    rows, columns = pairs.coords
    totals = near.sum(axis=1)
    contexts = totals**_SMOOTHING
    contexts /= max(contexts.sum(), 1.0)
    information = np.log(pairs.data / (totals[rows] * contexts[columns]))
    positive = information > 0
    association = sparse.csr_array(
        (information[positive].astype(np.float32), (rows[positive], columns[positive])), shape=near.shape
    )
    return (association + association.T) * np.float32(0.5)


def _strongest(
    matrix: sparse.csr_array, number: int, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the eigenvalues of largest size, (number,), and their eigenvectors (V, number)."""
    V = matrix.shape[0]
    basis = generator.standard_normal((V, min(V, number + _OVERSAMPLING))).astype(np.float32)
    for _ in range(_POWER_ITERATIONS):
        basis, _ = np.linalg.qr(matrix @ basis)
    small = basis.T @ (matrix @ basis)
    values, directions = np.linalg.eigh((small + small.T) / 2)
    strongest = np.argsort(-np.abs(values), kind="stable")[:number]
    return values[strongest], basis @ directions[:, strongest]
