"""Sessions whose rule is known: rings with noise, sums of two, and small recipes that learn them in seconds."""

from dataclasses import replace

import numpy as np
import torch

from app.dataset.folder import Dataset, Sessions
from app.domain.catalogue import Catalogue, Track
from app.rnn.network import RecurrentNetwork
from app.trainer.recipe import Recipe

V = 40
SMALL = Recipe(hidden_size=16, embedding_size=16, batch_events=200, epochs=4, patience=4, learning_rate=0.01, seed=3)
SAMPLED = replace(SMALL, full_softmax_up_to=0, negatives=20, tied=True, skip_input=True, normalised=True)


def dataset_of(playlists: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Dataset:
    """Make a data set of sessions of equal length (S, T) over V tracks."""
    count, length = playlists.shape
    sessions = Sessions(
        playlists.astype(np.int32).ravel(),
        np.arange(count + 1, dtype=np.int64) * length,
        np.zeros(count * length, np.int64),
    )
    catalogue = Catalogue([Track(f"t{row}", f"Title {row}", "Artist") for row in range(V)])
    return Dataset(catalogue, sessions, "f" * 64, {})


def markov_chain(noise: float, count: int = 300, length: int = 11) -> Dataset:
    """Draw sessions from a ring of tracks: each is followed by the next, or with probability `noise` by any."""
    generator = np.random.default_rng(21)
    playlists = np.empty((count, length), np.int64)
    playlists[:, 0] = generator.integers(V, size=count)
    for step in range(1, length):
        following = (playlists[:, step - 1] * 7 + 3) % V
        anywhere = generator.integers(V, size=count)
        playlists[:, step] = np.where(generator.random(count) < noise, anywhere, following)
    return dataset_of(playlists)


def second_order(count: int = 300, length: int = 11) -> Dataset:
    """Draw sessions in which a track follows from the two before it, and not from the last alone."""
    generator = np.random.default_rng(22)
    playlists = generator.integers(8, size=(count, length))
    for step in range(2, length):
        playlists[:, step] = (playlists[:, step - 1] + playlists[:, step - 2]) % 8
    return dataset_of(playlists)


def weights_of(network: RecurrentNetwork) -> dict[str, torch.Tensor]:
    return network.state_dict()


def assert_same(one: RecurrentNetwork, other: RecurrentNetwork) -> None:
    """To the last bit."""
    for name, weight in weights_of(one).items():
        assert torch.equal(weight, weights_of(other)[name]), name
