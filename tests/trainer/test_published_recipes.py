"""The published recipes: each learns what can be foreseen, one step at a time, and goes on after an interruption."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.errors import InvalidRequest
from app.rnn.network import RecurrentNetwork
from app.trainer.learner import Learner
from app.trainer.progress import TrainingProgress
from app.trainer.recipe import Recipe, find_recipe, recipe_names
from app.trainer.training import train
from tests.listening import ring, sessions_of

V = 40
PUBLISHED = [name for name in recipe_names() if name.startswith("gru4rec")]
SMALL = replace(
    find_recipe("gru4rec-2018-xe"), hidden_size=12, embedding_size=12, session_parallel=8, negatives=15, epochs=2
)


def test_there_are_five() -> None:
    assert PUBLISHED == [
        "gru4rec-2016-bpr",
        "gru4rec-2016-top1",
        "gru4rec-2018-bpr-max",
        "gru4rec-2018-top1-max",
        "gru4rec-2018-xe",
    ]


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_learns_what_can_be_foreseen(name: str, tmp_path: Path) -> None:
    """With a smaller network and larger steps than it comes with: there is little to learn from."""
    published = find_recipe(name)
    small = {"hidden_size": 24, "embedding_size": 24 if published.embedding_size else 0, "session_parallel": 20}
    rates = {"learning_rate": 0.1, "table_learning_rate": 0.1, "dropout": 0.0, "epochs": 5, "refit": False}
    recipe = published.changed(small | rates)
    assert train(ring(V, 200, 9), recipe, tmp_path).history[-1].mrr > 0.9


def test_the_reference_steps_as_the_papers_do() -> None:
    """One track of 64 sessions at a time, 2,048 shared negatives, Adagrad at a constant rate."""
    recipe = find_recipe("gru4rec-2018-xe")
    assert (recipe.session_parallel, recipe.negatives, recipe.hidden_size) == (64, 2048, 100)
    assert (recipe.optimizer, recipe.warm_up, recipe.final_rate) == ("adagrad", 0.0, 1.0)


def unmoved(recipe: Recipe) -> Recipe:
    """The recipe with rates so small that no weight of float32 moves."""
    return replace(recipe, learning_rate=1e-30, table_learning_rate=1e-30)


def test_the_hidden_state_is_carried_on_and_begins_anew_with_a_session() -> None:
    data = sessions_of([1, 2, 3, 4], [5, 6, 7])
    learner = Learner(data, V, unmoved(replace(SMALL, session_parallel=1)))
    steps = learner.batches.epoch(1, 0)
    reference = RecurrentNetwork(learner.network.config)
    reference.load_state_dict(learner.network.state_dict())
    heard: list[int] = []
    for number, events in enumerate(steps):
        batch = learner.batches.batch(events)
        assert batch.begins is not None
        heard = [*([] if batch.begins[0] else heard), int(batch.inputs[0, 0])]
        learner.step(0, number, events, 0.0)
        with torch.no_grad():
            _, hidden = reference(torch.tensor([heard]))
        torch.testing.assert_close(learner.tensors()["hidden"], hidden)


def test_an_epoch_begins_without_the_one_before() -> None:
    data = sessions_of([1, 2, 3, 4])
    learner = Learner(data, V, unmoved(replace(SMALL, session_parallel=1)))
    steps = learner.batches.epoch(1, 0)
    states = []
    for _ in range(2):
        for number, events in enumerate(steps):
            learner.step(0, number, events, 0.0)
        states.append(learner.tensors()["hidden"].clone())
    torch.testing.assert_close(states[0], states[1])


class Killed(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(optimizer: str, tmp_path: Path) -> None:
    """In the middle of sessions: what they have come to is part of the state on disk."""
    recipe, steps = replace(SMALL, optimizer=optimizer), 0
    straight = train(ring(V, 50, 9), recipe, tmp_path / "straight")

    def interrupt(_: TrainingProgress) -> None:
        nonlocal steps
        steps += 1
        if steps == 75:
            raise Killed

    with pytest.raises(Killed):
        train(ring(V, 50, 9), recipe, tmp_path / "other", on_progress=interrupt, save_every_s=0.0)
    resumed = train(ring(V, 50, 9), recipe, tmp_path / "other", resume=True)
    for name, weight in straight.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "hinge"}, "loss cross-entropy, top1, bpr, top1-max, bpr-max, got 'hinge'"),
        ({"optimizer": "sgd"}, "optimizer adam or adagrad, got 'sgd'"),
        ({"session_parallel": 8}, "learn_start false where sessions run in parallel"),
        ({"session_parallel": -1, "learn_start": False}, "session_parallel of at least 0"),
        ({"negatives": -1}, "negatives of at least 0"),
        ({"logit_penalty": -0.5}, "logit_penalty of at least 0"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        Recipe().changed(changes)
