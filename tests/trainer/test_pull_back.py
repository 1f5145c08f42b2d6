"""Pulling back: half-way it lies between start and learned rows, and held-out listening chooses how far."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from app.rnn.network import RecurrentNetwork
from app.trainer.pull_back import SHARES, choose_pull_back, pull_back
from app.trainer.recipe import Recipe
from app.trainer.training import train
from tests.trainer.made_sessions import SAMPLED, V, markov_chain

PULLED = replace(SAMPLED, tied=False, output_size=16, cooccurrence_start=True, pull_back=True, epochs=2, refit=True)


def network_and_start() -> tuple[RecurrentNetwork, torch.Tensor]:
    torch.manual_seed(5)
    network = RecurrentNetwork(PULLED.network(V)).eval()
    return network, functional.normalize(torch.randn(V, 16), dim=1)


def table(network: RecurrentNetwork) -> torch.Tensor:
    assert network.output_table is not None
    return network.output_table.detach()


def test_a_share_of_nothing_changes_nothing() -> None:
    network, start = network_and_start()
    before = table(network).clone()
    pull_back(network, start, 0.0)
    assert torch.equal(table(network), before)


def test_half_way_lies_between_start_and_learned_rows() -> None:
    network, start = network_and_start()
    learned = functional.normalize(table(network), dim=1)
    pull_back(network, start, 0.5)
    torch.testing.assert_close(table(network).norm(dim=1), torch.ones(V))
    torch.testing.assert_close((table(network) * start).sum(1), (table(network) * learned).sum(1))


def test_a_tied_table_is_left_alone() -> None:
    """Its rows are read from as well."""
    network = RecurrentNetwork(replace(PULLED, tied=True, pull_back=False).network(V))
    assert choose_pull_back(network, torch.zeros(V, 16), markov_chain(0.0, count=20).sessions) == 0.0


def test_what_foresees_best_is_chosen_and_nothing_is_left_changed() -> None:
    """Rows shuffled after learning foresee nothing; those of the start do, so the furthest way back is chosen."""
    data = markov_chain(0.0, count=100)
    torch.manual_seed(6)
    network = RecurrentNetwork(PULLED.network(V)).eval()
    with torch.no_grad():
        outputs, _ = network(torch.arange(V).view(V, 1))
        good = torch.empty(V, 16)
        good[(torch.arange(V) * 7 + 3) % V] = functional.normalize(outputs[:, -1], dim=1)
        spoiled = functional.normalize(-good, dim=1) * 0.9 + 0.1 * torch.randn(V, 16)
        table(network).copy_(spoiled)
    before = table(network).clone()
    assert choose_pull_back(network, good, data.sessions) == max(SHARES)
    assert torch.equal(table(network), before)
    with torch.no_grad():
        table(network).copy_(good)
    assert choose_pull_back(network, functional.normalize(-good, dim=1), data.sessions) == 0.0


@pytest.mark.parametrize("refit", [False, True])
def test_training_ends_with_what_was_chosen(refit: bool, tmp_path: Path) -> None:
    recipe: Recipe = replace(PULLED, refit=refit)
    trained = train(markov_chain(0.3, count=120), recipe, tmp_path)
    assert trained.pull_back in SHARES
    assert trained.summary()["pull_back"] == trained.pull_back
    if trained.pull_back:
        torch.testing.assert_close(table(trained.network).norm(dim=1), torch.ones(V))
    again = train(markov_chain(0.3, count=120), recipe, tmp_path, resume=True)
    assert torch.equal(table(again.network), table(trained.network))
    assert again.pull_back == trained.pull_back
