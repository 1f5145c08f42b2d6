"""A trainer, killed before every single step it takes on the file system: it goes on as if it had been left alone."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.trainer.runs import RunFolder
from app.trainer.trained import TrainedNetwork
from app.trainer.training import learn_everything, train
from tests.stepwise import Stepwise
from tests.trainer.made_sessions import SMALL, assert_same, markov_chain

torch.set_num_threads(1)

RECIPE = replace(SMALL, epochs=2, hidden_size=4, embedding_size=4, refit=True)


def learn(folder: Path) -> None:
    """Train, then learn everything, from wherever an earlier run was stopped."""
    _learn(folder)


def prepare(_: Path) -> None:
    """Have torch import what it imports with the first step of an optimiser, which takes seconds.

    No gradient: whoever has computed one has threads, which children would wait for.
    """
    weights = torch.zeros(1, requires_grad=True)
    weights.grad = torch.zeros(1)
    torch.optim.Adam([weights]).step()


def _learn(folder: Path) -> TrainedNetwork:
    dataset = markov_chain(0.2, count=30)
    judged = train(dataset, RECIPE, folder, resume=RunFolder(folder).is_begun)
    return learn_everything(judged, dataset, folder / "everything", resume=True)


@pytest.fixture(scope="module")
def stepwise() -> Iterator[Stepwise]:
    with Stepwise(__name__) as stepwise:
        yield stepwise


@pytest.mark.long
def test_a_trainer_killed_before_any_step_goes_on_to_the_same_network(tmp_path: Path, stepwise: Stepwise) -> None:
    left_alone = _learn(tmp_path / "alone")
    steps: list[str] = []
    while True:
        folder = tmp_path / "run"
        outcome = stepwise.run("learn", folder, len(steps) + 1)
        if not outcome.killed_before:
            break
        steps.append(outcome.killed_before)
        stepwise.run("learn", folder)
        assert_same(_learn(folder).network, left_alone.network)
        assert not list(folder.glob("*.partial"))
        shutil.rmtree(folder)
    assert len(steps) == outcome.steps
    assert {"os.rename", "os.mkdir", "os.fsync", "os.remove", "open"} <= {step.split()[0] for step in steps}
