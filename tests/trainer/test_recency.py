"""How soon listening grows old: chosen where taste moves, left alone where it does not or where chance could decide."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.dataset.folder import Dataset
from app.errors import InvalidRequest
from app.trainer.progress import TrainingProgress
from app.trainer.recency import HALF_LIVES
from app.trainer.recipe import Recipe
from app.trainer.runs import RunFolder
from app.trainer.training import learn_everything, train
from tests.listening import dataset_of
from tests.trainer.made_sessions import SAMPLED, SMALL, V, assert_same, markov_chain

CHOOSING = replace(SMALL, choose_half_life=True, epochs=6, batch_events=100)


def moving(count: int = 300) -> Dataset:
    """Draw sessions from a ring whose step is another one in every third of the time."""
    generator = np.random.default_rng(4)
    steps = np.repeat(np.array([1, 7, 13], np.int64), count // 3)[:, None]
    return dataset_of((generator.integers(V, size=(count, 1)) + steps * np.arange(11, dtype=np.int64)) % V, V)


def test_where_taste_moves_newer_sessions_are_read_more_often(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    trained = train(moving(), CHOOSING, tmp_path / "chosen")
    assert trained.recipe.half_life in HALF_LIVES
    tried = {each.half_life: each.recall + each.mrr for each in trained.half_lives}
    assert tried[trained.recipe.half_life] > tried[0.0]
    assert trained.summary()["recipe"]["half_life"] == trained.recipe.half_life
    assert [each["half_life"] for each in trained.summary()["half_lives"]] == list(tried)
    told = replace(CHOOSING, choose_half_life=False, half_life=trained.recipe.half_life)
    assert_same(trained.network, train(moving(), told, tmp_path / "told").network)


def test_where_it_stands_still_all_sessions_count_alike(tmp_path: Path) -> None:
    trained = train(markov_chain(0.3), CHOOSING, tmp_path / "chosen")
    assert trained.recipe.half_life == 0
    assert [each.half_life for each in trained.half_lives] == [0, HALF_LIVES[0]]
    told = replace(CHOOSING, choose_half_life=False)
    assert_same(trained.network, train(markov_chain(0.3), told, tmp_path / "told").network)


def test_a_few_held_out_sessions_decide_nothing(tmp_path: Path) -> None:
    trained = train(moving(90), CHOOSING, tmp_path)
    assert (trained.recipe.half_life, trained.half_lives) == (0, ())


def test_a_half_life_that_is_given_is_kept(tmp_path: Path) -> None:
    trained = train(moving(), replace(CHOOSING, half_life=0.5, epochs=1), tmp_path)
    assert (trained.recipe.half_life, trained.half_lives) == (0.5, ())


def test_it_is_chosen_once(tmp_path: Path) -> None:
    """A run that goes on, and one that learns everything afterwards, keep what was chosen."""
    recipe = replace(CHOOSING, refit=True)
    straight = train(moving(), recipe, tmp_path / "straight")

    class Killed(Exception):
        pass

    def interrupt(progress: TrainingProgress) -> None:
        if progress.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        train(moving(), recipe, tmp_path / "run", on_progress=interrupt)
    assert RunFolder(tmp_path / "run").load()[0].half_life == straight.recipe.half_life
    went_on = train(moving(), recipe, tmp_path / "run", resume=True)
    assert went_on.half_lives == straight.half_lives
    assert_same(went_on.network, straight.network)
    everything = learn_everything(straight, moving(), tmp_path / "everything")
    assert everything.recipe == straight.recipe


def test_sampled_tables_begin_for_each_try_as_for_the_run(tmp_path: Path) -> None:
    recipe = replace(SAMPLED, tied=False, output_size=16, cooccurrence_start=True, pull_back=True, epochs=3)
    chosen = train(markov_chain(0.2), replace(recipe, choose_half_life=True), tmp_path / "chosen")
    assert chosen.half_lives
    told = replace(recipe, half_life=chosen.recipe.half_life)
    assert_same(chosen.network, train(markov_chain(0.2), told, tmp_path / "told").network)


def test_sessions_in_parallel_are_read_in_one_order() -> None:
    with pytest.raises(InvalidRequest, match="half_life 0, and none to choose, where sessions run in parallel"):
        Recipe(choose_half_life=True, session_parallel=8, learn_start=False)
