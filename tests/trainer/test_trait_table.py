"""Tables with traits: rows are sums, steps are Adagrad on the parts, and tracks borrow from their artist."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from app.dataset.folder import Dataset
from app.domain.catalogue import Catalogue, Track
from app.rnn.network import RecurrentNetwork
from app.trainer.progress import TrainingProgress
from app.trainer.recipe import Recipe
from app.trainer.training import train
from app.trainer.trait_table import TraitTable, shared_traits
from tests.listening import dataset_of
from tests.trainer.made_sessions import SAMPLED, SMALL, V, assert_same, markov_chain

BY_TRAITS = replace(SAMPLED, traits=True, tied=False, output_size=16, cooccurrence_start=True, row_adagrad=True)
OF_AN_ARTIST = 8
EVERY = np.ones(5, np.bool_)


def some_traits() -> sparse.csr_array:
    having = np.array([[1, 0, 0.5], [1, 0, 0], [0, 1, 0.5], [0, 1, 0], [0, 0, 0]], np.float32)
    return sparse.csr_array(having)


def test_a_table_begins_as_it_is() -> None:
    """Whatever the parts: what is gathered is what stands there, all of it or some rows."""
    torch.manual_seed(1)
    table = nn.Parameter(torch.randn(5, 3))
    before = table.detach().clone()
    parts = TraitTable(table, some_traits(), EVERY, by_row=True, inertia=1.0)
    torch.testing.assert_close(parts.gather(None).detach(), before)
    torch.testing.assert_close(parts.gather(torch.tensor([3, 0])).detach(), before[[3, 0]])
    parts.settle()
    torch.testing.assert_close(table.detach(), before)


def test_a_track_that_was_not_heard_begins_as_its_traits_are() -> None:
    """Whatever its row was, it says nothing of the others' traits either."""
    torch.manual_seed(3)
    table, heard = nn.Parameter(torch.randn(5, 3)), np.array([True, False, True, True, True])
    parts = TraitTable(table, some_traits(), heard, by_row=True, inertia=1.0)
    row = parts.gather(torch.tensor([1])).detach()
    table.data[1] = 100.0
    torch.testing.assert_close(
        TraitTable(table, some_traits(), heard, by_row=True, inertia=1.0).gather(torch.tensor([1])).detach(), row
    )
    torch.testing.assert_close(row[0], parts._mean + parts.tensors["traits"][0])


@pytest.mark.parametrize("rows", [None, [0, 1, 4], [4]])
@pytest.mark.parametrize("by_row", [False, True])
def test_a_step_is_adagrad_on_the_parts(rows: list[int] | None, by_row: bool) -> None:
    """The gradients are those that autograd finds for own + mean + traits; a row of none moves by itself alone."""
    torch.manual_seed(2)
    table, having = nn.Parameter(torch.randn(5, 3)), torch.from_numpy(some_traits().toarray())
    parts = TraitTable(table, some_traits(), EVERY, by_row, inertia=0.5)
    own, traits = (parts.tensors[name].clone().requires_grad_() for name in ("own", "traits"))
    whole = own + parts._mean + having @ traits
    asked = whole if rows is None else whole[rows]
    asked.sin().sum().backward()  # type: ignore[no-untyped-call]
    places = None if rows is None else torch.tensor(rows)
    gathered = parts.gather(places)
    gathered.sin().sum().backward()  # type: ignore[no-untyped-call]
    parts.step(gathered, places, rate=0.1)
    for name, part in (("own", own), ("traits", traits)):
        assert part.grad is not None
        squared = part.grad.square()
        squares = 0.5 + (squared.mean(1, keepdim=True) if by_row else squared)
        moved = part.detach() - 0.1 * part.grad / squares.sqrt()
        torch.testing.assert_close(parts.tensors[name], moved, rtol=1e-5, atol=1e-6)


def test_who_was_not_heard_moves_with_what_is_shared() -> None:
    """By as much as its trait; a track that shares nothing stays."""
    table = nn.Parameter(torch.zeros(5, 3))
    parts = TraitTable(table, some_traits(), EVERY, by_row=True, inertia=1.0)
    rows = torch.tensor([0])
    gathered = parts.gather(rows)
    gathered.sum().backward()  # type: ignore[no-untyped-call]
    parts.step(gathered, rows, rate=0.1)
    parts.settle()
    moved = table.detach().norm(dim=1)
    assert moved[0] > moved[1] > 0
    assert moved[3] == moved[4] == 0


def test_only_what_is_shared_counts() -> None:
    """Of a trait of one track nothing can be learned that its own vector does not say."""
    tracks = [Track("a", "A", "Duo", genre="rock"), Track("b", "B", "Duo"), Track("c", "C", "Solo", year=1999)]
    having = shared_traits(Catalogue(tracks))
    assert having is not None
    assert having.toarray().tolist() == [[1.0], [1.0], [0.0]]
    assert shared_traits(Catalogue(tracks[1:])) is None


def by_artist() -> Iterator[Track]:
    for row in range(V):
        yield Track(f"t{row}", f"Title {row}", f"Artist {row // OF_AN_ARTIST}")


def evenings_with_one_artist() -> Dataset:
    """Sessions of one artist each; of every artist one track, the first, is never heard."""
    generator = np.random.default_rng(4)
    artists = generator.integers(V // OF_AN_ARTIST, size=(300, 1))
    heard = dataset_of(artists * OF_AN_ARTIST + generator.integers(1, OF_AN_ARTIST, size=(300, 8)), V)
    return replace(heard, catalogue=Catalogue(list(by_artist())))


def unheard_of_the_artist_first(network: RecurrentNetwork) -> float:
    """How often, of the tracks never heard, the one of the artist just heard is ranked first."""
    unheard = torch.arange(0, V, OF_AN_ARTIST)
    heard = torch.tensor([row for row in range(V) if row % OF_AN_ARTIST])
    with torch.inference_mode():
        logits = network.logits(network(heard.unsqueeze(1))[0][:, -1])[:, unheard]
    return float((logits.argmax(1) == heard // OF_AN_ARTIST).float().mean())


def test_a_track_nobody_heard_borrows_from_its_artist(tmp_path: Path) -> None:
    """Without traits it is where chance put it."""
    data = evenings_with_one_artist()
    borrowing = train(data, BY_TRAITS, tmp_path / "with").network
    alone = train(data, replace(BY_TRAITS, traits=False), tmp_path / "without").network
    assert unheard_of_the_artist_first(borrowing) > 0.95
    assert unheard_of_the_artist_first(alone) < 0.6


@pytest.mark.parametrize("recipe", [BY_TRAITS, replace(SMALL, traits=True)])
def test_an_interrupted_run_with_traits_ends_as_an_uninterrupted_one(recipe: Recipe, tmp_path: Path) -> None:
    """To the last bit: the parts are kept, not only their sums."""
    data, seen = evenings_with_one_artist(), 0
    recipe = replace(recipe, epochs=2, refit=True)
    straight = train(data, recipe, tmp_path / "straight")

    def interrupt(_: TrainingProgress) -> None:
        nonlocal seen
        seen += 1
        if seen == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, recipe, tmp_path / "cut", on_progress=interrupt, save_every_s=0.0)
    assert_same(train(data, recipe, tmp_path / "cut", resume=True).network, straight.network)


def test_a_catalogue_that_tells_nothing_is_learned_as_ever(tmp_path: Path) -> None:
    data = markov_chain(0.2)
    data = replace(data, catalogue=Catalogue([Track(f"t{row}", f"Title {row}", "") for row in range(V)]))
    with_traits = train(data, replace(BY_TRAITS, epochs=1), tmp_path / "with")
    assert_same(with_traits.network, train(data, replace(BY_TRAITS, epochs=1, traits=False), tmp_path / "w").network)
