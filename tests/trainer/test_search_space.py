"""The recipes near a recipe: itself among them, and no network the recipe would refuse."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trainer.recipe import Recipe, find_recipe, recipe_names
from app.trainer.search_space import Choice, SearchSpace


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_ships_lies_within_its_own_space(name: str) -> None:
    recipe = find_recipe(name)
    space = SearchSpace.around(recipe, 60_000)
    assert space.at(space.start) == recipe
    for setting, dial in space.dials.items():
        value = space.start[setting]
        if isinstance(dial, Choice):
            assert value in dial.values
        else:
            assert dial.low <= float(value) <= dial.high


@given(st.data(), st.sampled_from(recipe_names()))
def test_any_point_is_a_recipe_that_can_be_built(data: st.DataObject, name: str) -> None:
    space = SearchSpace.around(find_recipe(name), 60_000)
    settings = {
        setting: data.draw(st.sampled_from(dial.values) if isinstance(dial, Choice) else st.floats(dial.low, dial.high))
        for setting, dial in space.dials.items()
    }
    found = space.at(settings)
    assert found.rnn_kind == space.recipe.rnn_kind
    assert found.network(100).hidden_size == settings["hidden_size"]


def test_vectors_as_long_as_the_state_stay_so() -> None:
    found = SearchSpace.around(find_recipe("lstm"), 100).at({"hidden_size": 50})
    assert (found.hidden_size, found.embedding_size, found.output_size) == (50, 50, 50)
    longer = replace(find_recipe("lstm"), embedding_size=200, output_size=200)
    wide = SearchSpace.around(longer, 100).at({"hidden_size": 50, "embedding_size": 400})
    assert (wide.hidden_size, wide.embedding_size, wide.output_size) == (50, 400, 400)
    apart = replace(find_recipe("gru"), residual=0.0, embedding_size=64)
    assert SearchSpace.around(apart, 100).at({"hidden_size": 50}).embedding_size == 64


def test_only_what_the_recipe_uses_is_turned() -> None:
    small, large = (set(SearchSpace.around(Recipe(), size).dials) for size in (100, 100_000))
    assert large - small == {"negatives", "negatives_power"}
    assert "table_inertia" not in large
    assert "half_life" not in large
    assert "half_life" in SearchSpace.around(replace(Recipe(), half_life=0.25), 9).dials
    abreast = SearchSpace.around(replace(Recipe(), session_parallel=8, learn_start=False), 9).dials
    assert "batch_events" not in abreast
    assert abreast["session_parallel"] == Choice((4, 8, 16))


def test_numbers_are_rounded_to_what_one_would_write() -> None:
    assert SearchSpace.around(Recipe(), 100).at({"learning_rate": 0.00312345}).learning_rate == 0.00312
