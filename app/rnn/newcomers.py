"""Newcomers: tracks that join the catalogue of a trained network, and the rows they begin with.

A new track borrows from the tracks that share its artist, genre, tags or decade. Nothing is trained, and no row of
another track changes. Knows nothing of checkpoints or files.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from app.domain.catalogue import Catalogue, Track
from app.rnn.memory import Memory
from app.rnn.network import RecurrentNetwork
from app.rnn.traits import Traits

_SHRINKAGE = 1.0
"""How many tracks' worth of doubt there is about each trait: that of one track counts half, of nine tracks 9/10."""

_TOLERANCE = 1e-3
_MOST_STEPS = 200

_SHOWN = 20
_PLAYLISTS = 512
_LENGTHS = (1, 8)
_MOST_LOGITS = 1 << 25
_EVERY = 10


@torch.no_grad()
def with_newcomers(network: RecurrentNetwork, catalogue: Catalogue, tracks: Sequence[Track]) -> RecurrentNetwork:
    """Return a network that ranks the catalogue's tracks as before, and the new ones behind them, in their order.

    All new tracks start with the same handicap, so that they do not come more often than those they are like.
    """
    config = network.config
    traits = Traits(catalogue)
    known, new = traits.matrix(catalogue), traits.matrix(tracks)
    state = {name: tensor.float() for name, tensor in network.state_dict().items()}
    bias = state.get("output_bias", torch.zeros(config.catalogue_size))
    new_bias = _rows(known, new, bias.unsqueeze(1), False).squeeze(1) - _advantage(network, known)
    state["output_bias"] = torch.cat((bias, new_bias))
    unit_inputs = config.normalised_input or (config.tied and config.normalised)
    for name, unit in (("input_table", unit_inputs), ("output_table", config.normalised)):
        if name in state:
            state[name] = torch.cat((state[name], _rows(known, new, state[name], unit)))
    size = config.catalogue_size + len(tracks)
    grown = RecurrentNetwork(replace(config, catalogue_size=size, output_bias=True))
    grown.load_state_dict(state)
    return grown.requires_grad_(False).eval()


def _advantage(network: RecurrentNetwork, known: sparse.csr_array) -> float:
    """Return by how many logits estimated rows are ahead of learned ones, 0 where they are behind.

    Some known tracks are estimated from the others and ranked beside themselves. With the advantage taken away,
    estimates are among the first tracks no more often than learned rows are, after one track and after a random
    playlist alike.
    What tracks have in common agrees with more listeners than any one of them does, so most estimates are ahead.
    """
    V = network.config.catalogue_size
    asked = np.arange(0, V, _EVERY)
    others = np.setdiff1d(np.arange(V), asked)
    if not len(others):
        return 0.0
    table = _rows(known[others], known[asked], network.ranking_table()[others], network.config.normalised)
    bias = torch.zeros(len(asked))
    if (learned_bias := network.output_bias) is not None:
        bias = _rows(known[others], known[asked], learned_bias[others].unsqueeze(1), False).squeeze(1)
    number = min(_PLAYLISTS, max(_MOST_LOGITS // V, 1))
    random = np.random.default_rng(0)
    ahead = []
    for length in _LENGTHS:
        playlists = torch.from_numpy(random.integers(0, V, (number, length)))
        outputs = network(playlists)[0][:, -1]
        logits = network.logits(outputs)
        last_shown = logits.topk(min(_SHOWN, V), 1).values[:, -1:]
        times_shown = int((logits[:, torch.from_numpy(asked)] >= last_shown).sum())
        estimated = torch.addmm(bias, outputs, table.t()) - last_shown
        ahead.append(float(estimated.flatten().topk(max(times_shown, 1)).values[-1]))
    return max(0.0, *ahead)


def remembering_newcomers(memory: Memory, count: int) -> Memory:
    """Return a memory that has not met the new tracks, behind those it knows."""
    more = (0, count)
    return replace(
        memory,
        holder_starts=np.pad(memory.holder_starts, more, mode="edge"),
        follower_starts=np.pad(memory.follower_starts, more, mode="edge"),
        leader_starts=np.pad(memory.leader_starts, more, mode="edge"),
        rarities=np.pad(memory.rarities, more, constant_values=np.log(max(memory.pieces, 1))),
        plays=np.pad(memory.plays, more),
        newest_plays=np.pad(memory.newest_plays, more),
    )


def _rows(known: sparse.csr_array, new: sparse.csr_array, table: Tensor, unit: bool) -> Tensor:
    """Return rows (N, K) for the new tracks: what the rows of a table (V, K) say of their traits."""
    rows = table.numpy(force=True).astype(np.float32)
    if unit:
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    mean, effects = trait_effects(known, rows)
    estimated = torch.from_numpy(mean + new @ effects)
    return torch.nn.functional.normalize(estimated, dim=1) if unit else estimated


def trait_effects(
    known: sparse.csr_array, rows: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean row (K,) and each trait's effect (F, K), such that mean + known @ effects resembles the rows.

    Ridge regression, by conjugate gradients on the normal equations (Hestenes & Stiefel 1952), all K columns at once.
    The fewer tracks share a trait, the more its effect is drawn to zero: of an artist of one track half is believed.
    """
    mean = rows.mean(axis=0)
    effects = np.zeros((known.shape[1], rows.shape[1]), np.float32)
    left = (known.T @ (rows - mean)).astype(np.float32)
    direction = left
    squares = (left * left).sum(axis=0)
    enough = squares * _TOLERANCE**2
    for _ in range(_MOST_STEPS):
        if bool((squares <= enough).all()):
            break
        turned = known.T @ (known @ direction) + _SHRINKAGE * direction
        length = squares / np.maximum((direction * turned).sum(axis=0), np.finfo(np.float32).tiny)
        effects, left = effects + length * direction, left - length * turned
        before, squares = squares, (left * left).sum(axis=0)
        direction = left + squares / np.maximum(before, np.finfo(np.float32).tiny) * direction
    return mean, effects
