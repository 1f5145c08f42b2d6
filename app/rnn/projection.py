"""From learned vectors to places on a plane: principal components first, then neighbours are drawn together.

The second step is that of LargeVis (Tang et al., WWW 2016) and UMAP (McInnes et al., 2018, b = 1): a point is pulled to
one of its nearest neighbours and pushed from a few points drawn by chance, again and again. Knows nothing of tracks.
"""

import torch
from torch import Tensor
from torch.nn import functional

COMPONENTS = 50
NEIGHBOURS = 15
PUSHES = 10
TURNS = 400
# UMAP's a: the smaller, the wider neighbours lie. Near 1 the groups of a catalogue are specks with deserts between.
CLOSENESS = 0.1
_SPREAD = 2.0
# So many of a thousand points may lie beyond the edge, and wait there: the others have room.
_BEYOND = 4
# So few points lie well enough by their principal components.
FEW = 64
_ROWS_AT_ONCE = 2048
_LONGEST_STEP = 4.0


def components(vectors: Tensor) -> Tensor:
    """Return vectors (N, K) of any length by their principal directions, (N, at most COMPONENTS), strongest first."""
    # Where learning ended in no numbers, whoever publishes refuses the network, in better words than a map could.
    directions = functional.normalize(vectors.nan_to_num().double(), dim=-1)
    centred = directions - directions.mean(0)
    _, axes = torch.linalg.eigh(centred.T @ centred)
    axes = axes.flip(1)[:, :COMPONENTS]
    # An axis has no sign of its own: the same vectors are to give the same map on every machine.
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    found: Tensor = (centred @ axes).float()
    return found


def places(vectors: Tensor) -> Tensor:
    """Return places (N, 2) in [-1, 1] for principal components (N, C): near where the vectors are alike."""
    found = functional.pad(vectors[:, :2], (0, max(0, 2 - vectors.shape[1])))
    if len(vectors) > FEW:
        found = _drawn_together(found, nearest(vectors, NEIGHBOURS))
    return _fitted(found)


def nearest(vectors: Tensor, count: int) -> Tensor:
    """Return the rows (N, count) of each vector's nearest others by direction."""
    directions = functional.normalize(vectors, dim=-1)
    found = []
    for start in range(0, len(directions), _ROWS_AT_ONCE):
        alike = directions[start : start + _ROWS_AT_ONCE] @ directions.T
        own = torch.arange(len(alike))
        alike[own, own + start] = -torch.inf  # nobody is a neighbour of its own
        found.append(alike.topk(count, dim=1).indices)
    return torch.cat(found)


def _drawn_together(start: Tensor, neighbours: Tensor) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    N = len(start)
    every = torch.arange(N)
    at = start / start.std().clamp(min=1e-12) * _SPREAD
    for turn in range(TURNS):
        rate = 1 - turn / TURNS
        friend = neighbours[every, torch.randint(neighbours.shape[1], (N,), generator=draw)]
        apart = at - at[friend]
        far = apart.square().sum(1, keepdim=True)
        pull = _bounded(apart * (-2 * CLOSENESS / (1 + CLOSENESS * far)))
        step = pull.index_add(0, friend, pull, alpha=-1)
        apart = at - at[torch.randint(N, (PUSHES, N), generator=draw)]
        far = apart.square().sum(2, keepdim=True)
        push = _bounded(apart * (2 / ((1e-3 + far) * (1 + CLOSENESS * far))))
        at = at + rate * (step + push.sum(0))
    return at


def _bounded(steps: Tensor) -> Tensor:
    return steps.clamp(-_LONGEST_STEP, _LONGEST_STEP)


def _fitted(found: Tensor) -> Tensor:
    """Return places in [-1, 1]. Each axis is stretched by itself: directions mean nothing anyway."""
    least, most = (found.kthvalue(_nth(share, len(found)), 0).values for share in (_BEYOND / 2e3, 1 - _BEYOND / 2e3))
    return ((found - (least + most) / 2) / ((most - least) / 2).clamp(min=1e-12)).clamp(-1, 1)


def _nth(share: float, count: int) -> int:
    """Return which of `count` values, from 1, has this share of them below it."""
    return min(count, max(1, round(share * count)))
