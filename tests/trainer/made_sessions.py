"""Sessions whose rule is known: rings with noise, sums of two, and small recipes that learn them in seconds."""

from dataclasses import replace

import numpy as np
import torch

from app.dataset.folder import Dataset
from app.rnn.network import RecurrentNetwork
from app.trainer.recipe import Recipe
from tests.listening import dataset_of, ring

V = 40
SMALL = Recipe(hidden_size=16, embedding_size=16, batch_events=200, epochs=4, patience=4, learning_rate=0.01, seed=3)
SAMPLED = replace(SMALL, full_softmax_up_to=0, negatives=20, tied=True, skip_input=True, normalised=True)


def markov_chain(noise: float, count: int = 300, length: int = 11) -> Dataset:
    """Draw sessions from a ring of tracks: each is followed by the next, or with probability `noise` by any."""
    return ring(V, count, length, noise=noise, seed=21)


def second_order(count: int = 300, length: int = 11) -> Dataset:
    """Draw sessions in which a track follows from the two before it, and not from the last alone."""
    generator = np.random.default_rng(22)
    playlists = generator.integers(8, size=(count, length))
    for step in range(2, length):
        playlists[:, step] = (playlists[:, step - 1] + playlists[:, step - 2]) % 8
    return dataset_of(playlists, V)


def weights_of(network: RecurrentNetwork) -> dict[str, torch.Tensor]:
    return network.state_dict()


def assert_same(one: RecurrentNetwork, other: RecurrentNetwork) -> None:
    """To the last bit."""
    for name, weight in weights_of(one).items():
        assert torch.equal(weight, weights_of(other)[name]), name
