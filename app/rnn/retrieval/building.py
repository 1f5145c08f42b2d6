"""Making an index of a network's rows: the space, the clusters, the codes. Two passes over the rows, in blocks.

Knows nothing of files, or of how well what it makes finds anything.
"""

import math
from collections.abc import Iterator, Sequence

import faiss
import numpy as np
import torch
from torch import Tensor

from app.rnn.network import PADDING, RecurrentNetwork
from app.rnn.retrieval.clusters import Clusters
from app.rnn.retrieval.codes import Codes, Rows
from app.rnn.retrieval.index import Index, Settings
from app.rnn.retrieval.space import Floats, Space

SEED = 20_260_101
_PER_CLUSTER = 48
"""Sampled rows for each cluster: with 256 the clusters are hardly better, and take five times as long."""

_ROUNDS = 6
_AT_ONCE = 100_000
_PLAYLISTS_AT_ONCE = 64
FIRST = Settings(probes=8, head=128)


def clusters_for(catalogue_size: int) -> int:
    """Return how many clusters: about 2 sqrt(V), where looking at means costs about as much as scanning codes."""
    return 1 << max(round(math.log2(2.0 * math.sqrt(catalogue_size))), 1)


@torch.inference_mode()
def outputs_after(network: RecurrentNetwork, playlists: Tensor) -> Tensor:
    """Return the network's last outputs (N, K) for playlists (N, T), -1 behind the last track."""
    parts = [network(part.long())[0][:, -1] for part in torch.split(playlists, _PLAYLISTS_AT_ONCE)]
    return torch.cat(parts)


@torch.inference_mode()
def build_index(network: RecurrentNetwork, playlists: Tensor, clusters: int | None = None) -> Index:
    """Return an index of a network's rows, for outputs such as those after the playlists (N, T)."""
    faiss.omp_set_num_threads(torch.get_num_threads())
    V = network.config.catalogue_size
    L = min(clusters or clusters_for(V), V)
    draw = np.random.default_rng(SEED)
    sampled = np.sort(draw.choice(V, min(V, L * _PER_CLUSTER), replace=False))
    space = Space.of(outputs_after(network, playlists).numpy())
    sample = _mapped(network, space, sampled)
    centroids = _centroids(sample, L)
    # Turned so that the rows of a cluster differ along the axes, one independent of the other.
    apart = sample - centroids[_nearest(centroids, sample)]
    axes = np.linalg.eigh(apart.T @ apart)[1]
    space, centroids, sample = space.turned(axes), centroids @ axes, sample @ axes
    assigned, described = _describe(network, space, centroids)
    codes = Codes.over(described.means.numpy(), sample)
    for here, rows in _blocks(network, space):
        codes.add(rows, assigned[here])
    return Index(space, described, codes, FIRST, playlists.to(torch.int32))


def _centroids(sample: Floats, count: int) -> Floats:
    clusters = faiss.Kmeans(
        sample.shape[1],
        count,
        niter=_ROUNDS,
        seed=SEED,
        max_points_per_centroid=_PER_CLUSTER,
        min_points_per_centroid=1,
    )
    clusters.train(sample)
    return np.asarray(clusters.centroids, np.float32)


def _nearest(centroids: Floats, rows: Floats) -> Rows:
    found = faiss.IndexFlatL2(centroids.shape[1])
    found.add(centroids)
    nearest: Rows = found.search(rows, 1)[1].ravel()
    return nearest


def _describe(network: RecurrentNetwork, space: Space, centroids: Floats) -> tuple[Rows, Clusters]:
    """Return each row's cluster (V,), and the clusters' means and variances."""
    L, D = centroids.shape
    assigned = np.empty(network.config.catalogue_size, np.int64)
    sizes, sums, squares = np.zeros(L), np.zeros((L, D)), np.zeros((L, D))
    for here, rows in _blocks(network, space):
        nearest = assigned[here] = _nearest(centroids, rows)
        order = np.argsort(nearest, kind="stable")
        held, starts = np.unique(nearest[order], return_index=True)
        # Around the centroid, as the squares of what is far from zero would drown the variance.
        apart = (rows - centroids[nearest])[order]
        sizes[held] += np.diff(np.append(starts, len(order)))
        sums[held] += np.add.reduceat(apart, starts, 0, dtype=np.float64)
        squares[held] += np.add.reduceat(apart * apart, starts, 0, dtype=np.float64)
    full = np.maximum(sizes, 1.0)[:, None]
    off = sums / full
    means, variances = centroids + off, np.maximum(squares / full - off * off, 0.0)
    tensors = (torch.from_numpy(each.astype(np.float32)) for each in (means, variances, sizes))
    mean, variance, size = tensors
    return assigned, Clusters(mean, variance, size.log())


def _blocks(network: RecurrentNetwork, space: Space) -> Iterator[tuple[slice, Floats]]:
    for first in range(0, network.config.catalogue_size, _AT_ONCE):
        here = slice(first, first + _AT_ONCE)
        yield here, _mapped(network, space, here)


def _mapped(network: RecurrentNetwork, space: Space, which: slice | Rows) -> Floats:
    here = which if isinstance(which, slice) else torch.from_numpy(which)
    bias = network.ranking_bias()
    rows = network.ranking_rows(network.stored_table[here]).numpy()
    return space.rows(rows, None if bias is None else bias[here].numpy())


def as_playlists(playlists: Sequence[Sequence[int]]) -> Tensor:
    """Return playlists of catalogue rows as a tensor (N, T), -1 behind the last track."""
    longest = max(map(len, playlists))
    return torch.tensor([[*rows, *[PADDING] * (longest - len(rows))] for rows in playlists], dtype=torch.int32)
