"""Learning on another device: a made-up one that refuses what a GPU would refuse, and a GPU where there is one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.errors import InvalidRequest
from app.trainer.device import PROCESSOR, find_device, own_randomness, put
from app.trainer.learner import Learner
from app.trainer.progress import TrainingProgress
from app.trainer.recipe import Recipe
from app.trainer.runs import RunFolder
from app.trainer.team import Team
from app.trainer.trained import TrainedNetwork
from app.trainer.training import train
from tests.listening import dataset_of
from tests.trainer.elsewhere import ELSEWHERE, Elsewhere, elsewhere
from tests.trainer.made_sessions import SAMPLED, SMALL, assert_same, markov_chain

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU and a build of torch for it")

OURS = replace(
    SAMPLED, tied=False, output_size=16, residual=0.5, normalised_input=True, cooccurrence_start=True, row_adagrad=True,
    table_inertia=1.0, pull_back=True, dropout=0.2, input_dropout=0.2, refit=True, epochs=2, output_bias=False,
)  # fmt: skip
PUBLISHED = replace(
    SMALL, tied=True, full_softmax_up_to=0, negatives=20, learn_start=False, session_parallel=16, optimizer="adagrad",
    epochs=1,
)  # fmt: skip
RECIPES = {
    "ours": OURS,
    "whole catalogue": replace(SMALL, epochs=1),
    "traits": replace(OURS, traits=True, epochs=1),
    "lstm of two layers": replace(SMALL, rnn_kind="lstm", num_layers=2, layer_norm=True, epochs=1),
    "one-hot elman": replace(SAMPLED, rnn_kind="elman", embedding_size=0, tied=False, skip_input=False, epochs=1),
    "cross-entropy of the paper": PUBLISHED,
    "bpr-max": replace(PUBLISHED, loss="bpr-max", logit_penalty=0.5),
}


class Killed(Exception):
    """Stands in the tests for whatever ends a run."""


def trained_on(device: torch.device, recipe: Recipe, folder: Path) -> TrainedNetwork:
    return train(markov_chain(0.2, count=30), recipe, folder, team=Team(device=device))


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_learned_elsewhere_is_what_is_learned_here(name: str, tmp_path: Path) -> None:
    """Everything a step needs is brought to the device, nothing is left there: validated, stored, given back here."""
    torch.set_num_threads(1)
    here = trained_on(PROCESSOR, RECIPES[name], tmp_path / "here")
    with elsewhere():
        there = trained_on(ELSEWHERE, RECIPES[name], tmp_path / "there")
    assert all(type(weight) is torch.Tensor for weight in there.network.state_dict().values())
    assert_same(there.network, here.network)
    assert there.pull_back == here.pull_back
    assert there.network.config == here.network.config


@pytest.mark.parametrize("name", ["ours", "whole catalogue", "bpr-max"])
def test_a_step_looks_at_the_device_once(name: str) -> None:
    """Whoever looks at a number on a GPU waits until everything before it is done."""
    with elsewhere() as device:
        learner = Learner(markov_chain(0.2).sessions, 40, RECIPES[name], Team(device=ELSEWHERE))
        steps = learner.batches.epoch(1, 0)
        for number, step in enumerate(steps[:5]):
            before = device.reads
            learner.step(0, number, step, 0.5)
            assert device.reads - before == 1


# The made-up device calls itself meta, which torch knows for holding nothing.
@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter:UserWarning")
@pytest.mark.parametrize(("begun", "ended"), [(ELSEWHERE, PROCESSOR), (PROCESSOR, ELSEWHERE)])
@pytest.mark.parametrize("name", ["ours", "traits", "cross-entropy of the paper"])
def test_a_run_goes_on_on_another_device(name: str, begun: torch.device, ended: torch.device, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    data, recipe = markov_chain(0.2, count=30), RECIPES[name]
    straight = trained_on(PROCESSOR, recipe, tmp_path / "straight")

    def interrupt(progress: TrainingProgress) -> None:
        if progress.batch == 2:
            raise Killed

    with elsewhere():
        with pytest.raises(Killed):
            train(data, recipe, tmp_path / "run", on_progress=interrupt, save_every_s=0.0, team=Team(device=begun))
        _, stored = RunFolder(tmp_path / "run").load()
        assert {tensor.device for tensor in stored.values()} == {PROCESSOR}
        resumed = train(data, recipe, tmp_path / "run", resume=True, team=Team(device=ended))
    assert_same(resumed.network, straight.network)


def test_the_made_up_device_refuses_what_a_gpu_would_refuse() -> None:
    here = torch.ones(3)
    with elsewhere() as device:
        there = put(np.ones(3, np.float32), ELSEWHERE)
        assert there.device == ELSEWHERE
        assert (there + 1).device == ELSEWHERE
        with pytest.raises(AssertionError, match="two devices"):
            there + here
        with pytest.raises((RuntimeError, TypeError)):
            there.numpy()
        assert (there * 2.0).sum().item() == 6.0
        assert torch.equal(there.cpu(), here)
        assert torch.zeros(2, device=ELSEWHERE).cpu().tolist() == [0.0, 0.0]
        assert device.reads == 3
    with pytest.raises(AssertionError, match="outside"):
        there + 1
    assert isinstance(device, Elsewhere)


def test_the_processor_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert find_device("cpu") == PROCESSOR


def test_what_is_on_the_processor_is_not_copied() -> None:
    array = np.zeros(2)
    put(array, PROCESSOR)[0] = 1.0
    assert array[0] == 1.0


@pytest.mark.parametrize("asked", ["", "gpu", "cuda:", "cuda:-1", "cuda:one", "cuda:٢", "CUDA", "cpu:0", "meta"])
def test_a_device_that_is_none_is_refused(asked: str) -> None:
    with pytest.raises(InvalidRequest, match=r"Expected --device auto, cpu, cuda or cuda:N, got"):
        find_device(asked)


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="GPU number 99 on this machine"):
        find_device("cuda:99")


def test_processes_on_one_machine_take_no_gpu_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(InvalidRequest, match="Leave out the number"):
        find_device("cuda:0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_processor_learns() -> None:
    assert find_device() == PROCESSOR
    with pytest.raises(InvalidRequest, match="sees 0"):
        find_device("cuda")


def test_random_numbers_of_others_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with own_randomness(PROCESSOR):
        torch.rand(100)
    assert torch.equal(torch.rand(3), expected)


@needs_gpu
@pytest.mark.parametrize("name", RECIPES)
def test_a_gpu_learns_what_the_processor_learns(name: str, tmp_path: Path) -> None:
    """Other orders of addition, and other random numbers for dropout: near, not the same."""
    recipe = replace(RECIPES[name], dropout=0.0, input_dropout=0.0)
    here = trained_on(PROCESSOR, recipe, tmp_path / "here")
    there = trained_on(find_device("cuda"), recipe, tmp_path / "there")
    for part, weight in there.network.state_dict().items():
        torch.testing.assert_close(weight, here.network.state_dict()[part], rtol=2e-2, atol=2e-3)
    assert there.history[-1].log_loss == pytest.approx(here.history[-1].log_loss, rel=1e-2)


@needs_gpu
def test_a_gpu_finds_what_follows_what(tmp_path: Path) -> None:
    trained = train(
        dataset_of(np.add.outer(np.arange(300) % 40, np.arange(11)) % 40, 40), replace(SAMPLED, dropout=0.1),
        tmp_path, team=Team(device=find_device("cuda")),
    )  # fmt: skip
    assert trained.history[-1].recall > 0.95
