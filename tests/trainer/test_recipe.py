"""Recipes: what ships can be read, what is wrong is refused in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import InvalidRequest
from app.rnn.network import RecurrentNetwork
from app.trainer.recipe import Recipe, find_recipe, recipe_names


def test_the_recipes_that_ship() -> None:
    """The published ones are tested in test_published_recipes.py."""
    assert [name for name in recipe_names() if not name.startswith("gru4rec")] == ["elman", "elman-relu", "gru", "lstm"]


@pytest.mark.parametrize("name", ["elman", "elman-relu", "gru", "lstm"])
def test_every_recipe_makes_the_network_it_is_named_for(name: str) -> None:
    recipe = find_recipe(name)
    network = RecurrentNetwork(recipe.network(7))
    assert recipe.name == name
    assert network.config.rnn_kind == name.split("-")[0]
    assert network.config.activation == ("relu" if name == "elman-relu" else "tanh")


def test_the_elman_recipe_is_the_plain_formula() -> None:
    """No embedding before W, nothing between h and V, a bias b."""
    network = RecurrentNetwork(find_recipe("elman").network(7))
    names = set(network.state_dict())
    assert names == {"input_table", "output_table", "output_bias", "layers.0.cell.recurrent"}


def test_a_recipe_survives_toml() -> None:
    recipe = replace(
        Recipe(), name='a "quoted" one', dropout=0.25, tied=True, hidden_size=12, output_size=100, learning_rate=1e-05
    )
    assert Recipe.from_toml(recipe.to_toml(), "itself") == recipe


def test_a_file_is_a_recipe_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('# small\nrnn_kind = "lstm"\nhidden_size = 16\n', "utf-8")
    assert find_recipe(str(path)) == replace(Recipe(), rnn_kind="lstm", hidden_size=16)


def test_whole_numbers_may_stand_for_decimals() -> None:
    assert Recipe().changed({"dropout": 0}).dropout == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hidden_size = ", "mine is not TOML"),
        ("hiden_size = 3", "mine: Expected a setting of a recipe .*hidden_size.*got 'hiden_size'"),
        ('hidden_size = "3"', "mine: Expected hidden_size of type int, got '3'"),
        ("hidden_size = 3.0", "hidden_size of type int, got 3.0"),
        ("hidden_size = true", "hidden_size of type int, got True"),
        ("tied = 1", "tied of type bool, got 1"),
        ("epochs = 0", "epochs of at least 1, got 0"),
        ("learning_rate = 0", "learning_rate above 0"),
        ("validation_share = 1.0", "validation_share between 0 and 1"),
        ("warm_up = 1.5", "warm_up from 0 to 1"),
        ('rnn_kind = "rwkv"', "rnn_kind elman, gru, lstm, mingru, lru, got 'rwkv'"),
        ("tied = true\nembedding_size = 7", "embedding_size equal to the output's 100"),
        ("cooccurrence_start = true\nembedding_size = 0", "embedding_size above 0"),
        ("pull_back = true", "cooccurrence_start and normalised with pull_back"),
        ("learn_events = -1", "learn_events of at least 0"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        Recipe.from_toml(text, "mine")


@pytest.mark.parametrize(("events", "epochs"), [(1, 20), (100_000, 17), (850_000, 2), (50_000_000, 2)])
def test_little_listening_is_read_more_often_than_much(events: int, epochs: int) -> None:
    assert replace(Recipe(), epochs=20, learn_events=1_700_000).planned(events).epochs == epochs
    assert replace(Recipe(), epochs=20).planned(events).epochs == 20


@pytest.mark.parametrize(("events", "batch_events"), [(10, 32), (2_000, 62), (30_000, 768), (2_000_000, 768)])
def test_little_listening_is_read_in_smaller_batches(events: int, batch_events: int) -> None:
    """Three steps an epoch learn nothing, however good each is."""
    recipe = replace(Recipe(), batch_events=768)
    assert replace(recipe, least_steps=32).planned(events).batch_events == batch_events
    assert recipe.planned(events).batch_events == 768
    assert replace(recipe, least_steps=32, batch_events=8).planned(10).batch_events == 8


def test_a_recipe_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidRequest, match=r"elman, elman-relu, gru, .*, lstm\) or a TOML file, got 'transformer'"):
        find_recipe("transformer")
