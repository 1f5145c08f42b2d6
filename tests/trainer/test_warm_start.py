"""A run that begins with a published network: the rows of known tracks, the cells, and estimates for new tracks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from app.dataset.folder import Dataset, Sessions, fingerprint_of
from app.domain.catalogue import Catalogue, Track
from app.errors import NothingToResume
from app.rnn.network import RecurrentNetwork
from app.trainer.recipe import Recipe
from app.trainer.training import train
from app.trainer.validation import validate
from app.trainer.warm_start import WarmStart

SMALL = Recipe(hidden_size=12, embedding_size=12, epochs=4, patience=4, seed=3)
V = 24


def catalogue(ids: list[int]) -> Catalogue:
    return Catalogue([Track(f"t{one}", f"Song {one}", f"Artist {one % 4}") for one in ids])


def cycles(ids: list[int]) -> Dataset:
    """Sessions that go on to the next track, in the rows of a catalogue in this order."""
    row_of = {one: row for row, one in enumerate(ids)}
    walks = [[row_of[(start + step) % V] for step in range(6)] for start in range(V) for _ in range(6)]
    order = np.random.default_rng(1).permutation(len(walks))
    tracks = np.array([row for number in order for row in walks[number]], np.int32)
    sessions = Sessions(
        tracks, np.arange(0, len(tracks) + 1, 6, dtype=np.int64), np.arange(len(tracks), dtype=np.int64)
    )
    return Dataset(catalogue(ids), sessions, fingerprint_of(catalogue(ids), sessions), {})


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> WarmStart:
    data = cycles(list(range(V)))
    trained = train(data, SMALL, tmp_path_factory.mktemp("base"))
    return WarmStart("20261122T101500Z-3f9c1a", trained.network, data.catalogue)


def test_known_tracks_keep_what_was_learned_in_whichever_order_they_are(warm: WarmStart) -> None:
    """The same logits, track by track, before anything is learned."""
    ids = list(reversed(range(V)))
    network = RecurrentNetwork(warm.recipe(Recipe(epochs=1)).network(V))
    warm.begin(network, catalogue(ids))
    here = network.eval()(torch.tensor([[ids.index(5), ids.index(6)]]))[0]
    there = warm.network(torch.tensor([[5, 6]]))[0]
    known = torch.tensor(ids)
    # The temperature is the base's own; a run finds its own.
    expected = warm.network.logits(there[:, -1])[0][known] * warm.network.config.temperature
    torch.testing.assert_close(network.logits(here[:, -1])[0], expected)


def test_new_tracks_begin_as_their_artists_tracks_are_and_lost_ones_go(warm: WarmStart) -> None:
    ids = [*range(2, V), 100, 101]
    network = RecurrentNetwork(warm.recipe(Recipe(epochs=1)).network(V))
    warm.begin(network, catalogue(ids))
    rows = warm.network.input_table.detach()
    torch.testing.assert_close(network.input_table.detach()[0], rows[2])
    new, own = network.input_table.detach()[-2], rows[torch.arange(0, V, 4)].mean(0)  # track 100 is of artist 0
    others = rows[torch.arange(1, V, 4)].mean(0)
    assert torch.dist(new, own) < torch.dist(new, others)


def test_a_warm_run_begins_where_the_other_ended(warm: WarmStart, tmp_path: Path) -> None:
    """After one epoch it is better than one that began anew; a recipe of another size takes that of the base."""
    data = cycles(list(reversed(range(V))))
    one_epoch = Recipe(hidden_size=50, embedding_size=50, epochs=1, seed=4)
    fresh = train(data, SMALL.changed({"epochs": 1}), tmp_path / "fresh")
    begun = train(data, one_epoch, tmp_path / "warm", warm=warm)
    _, newest = data.sessions.split(0.1)
    assert begun.network.config.hidden_size == SMALL.hidden_size
    assert validate(begun.network, newest).goodness > validate(fresh.network, newest).goodness


def test_a_warm_run_is_resumed_with_the_same_base_only(warm: WarmStart, tmp_path: Path) -> None:
    data = cycles(list(range(V)))
    train(data, SMALL, tmp_path, warm=warm)
    with pytest.raises(NothingToResume, match="another base"):
        train(data, SMALL, tmp_path, resume=True)
    again = train(data, SMALL, tmp_path, resume=True, warm=warm)
    assert again.network.config.hidden_size == SMALL.hidden_size


def test_a_table_is_pulled_back_only_under_a_cosine_softmax(warm: WarmStart) -> None:
    asks = Recipe(normalised=True, cooccurrence_start=True, pull_back=True)
    assert not warm.recipe(asks).pull_back
