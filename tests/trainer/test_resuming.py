"""Training that is interrupted, killed or resumed: it ends as if it had been left alone."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.errors import DataFolderInUse, NothingToResume
from app.stores.checkpoints import CheckpointStore
from app.trainer.progress import TrainingProgress
from app.trainer.publishing import train_and_publish
from app.trainer.runs import RunFolder
from app.trainer.trained import TrainedNetwork
from app.trainer.training import learn_everything, train
from tests.trainer.killing import killed_once_there
from tests.trainer.made_sessions import SAMPLED, SMALL, assert_same, markov_chain


class Killed(Exception):
    """Stands in the tests for whatever ends a run."""


INTERRUPTED = replace(SAMPLED, dropout=0.1, refit=True, epochs=2, batch_events=300)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedNetwork, int]:
    """A run that was left alone, and how many batches it took."""
    torch.set_num_threads(1)
    steps: list[TrainingProgress] = []
    folder = tmp_path_factory.mktemp("straight")
    return train(markov_chain(0.2, count=200), INTERRUPTED, folder, on_progress=steps.append), len(steps)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.55, 0.9, 1.0])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    share: float, uninterrupted: tuple[TrainedNetwork, int], tmp_path: Path
) -> None:
    """Wherever it stops: before anything was saved, within an epoch, at its end, in the refit, with the last batch."""
    recipe, data = INTERRUPTED, markov_chain(0.2, count=200)
    straight, steps = uninterrupted
    after, seen = max(1, round(steps * share)), 0

    def interrupt(_: TrainingProgress) -> None:
        nonlocal seen
        seen += 1
        if seen == after:
            raise Killed

    with pytest.raises(Killed):
        train(data, recipe, tmp_path, on_progress=interrupt, save_every_s=0.0)
    if after == 1:
        with pytest.raises(NothingToResume, match="found none"):
            train(data, recipe, tmp_path, resume=True)
        return
    interrupted = train(data, recipe, tmp_path, resume=True)
    assert_same(interrupted.network, straight.network)
    assert [replace(r, seconds=0, events_per_s=0) for r in interrupted.history] == [
        replace(r, seconds=0, events_per_s=0) for r in straight.history
    ]


def _train_slowly(folder: Path) -> None:
    torch.set_num_threads(1)
    train(markov_chain(0.2), replace(SAMPLED, epochs=50, patience=50), folder, save_every_s=0.0)


def test_a_killed_trainer_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    """SIGKILL in the middle, whatever it was doing; the state on disk is whole."""
    killed_once_there(_train_slowly, tmp_path, "best-0001.safetensors")
    begun_at: list[int] = []
    recipe = replace(SAMPLED, epochs=50, patience=50)

    def stop_after_an_epoch(progress: TrainingProgress) -> None:
        begun_at.append(progress.epoch)
        if progress.epoch > begun_at[0]:
            raise Killed

    with pytest.raises(Killed):
        train(markov_chain(0.2), recipe, tmp_path, resume=True, on_progress=stop_after_an_epoch)
    assert begun_at


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    data = markov_chain(0.2)
    first = train(data, SMALL, tmp_path)
    steps: list[TrainingProgress] = []
    again = train(data, SMALL, tmp_path, resume=True, on_progress=steps.append)
    assert steps == []
    assert_same(again.network, first.network)
    assert again.history == first.history


def test_resuming_with_something_else_is_refused(tmp_path: Path) -> None:
    train(markov_chain(0.2), SMALL, tmp_path)
    with pytest.raises(NothingToResume, match="another hidden_size, name"):
        train(markov_chain(0.2), replace(SMALL, hidden_size=8, name="other"), tmp_path, resume=True)
    with pytest.raises(NothingToResume, match="another events, fingerprint, sessions"):
        train(markov_chain(0.2, count=30), SMALL, tmp_path, resume=True)


def test_resuming_from_a_damaged_state_is_refused(tmp_path: Path) -> None:
    train(markov_chain(0.2), SMALL, tmp_path)
    (tmp_path / "state.safetensors").write_bytes(b"not a state")
    with pytest.raises(NothingToResume, match=r"state\.safetensors cannot be read"):
        train(markov_chain(0.2), SMALL, tmp_path, resume=True)


def test_learning_everything_is_training_that_chooses_nothing(
    uninterrupted: tuple[TrainedNetwork, int], tmp_path: Path
) -> None:
    """It ends as the refit of a run over the same sessions did, interrupted or not."""
    recipe, data = INTERRUPTED, markov_chain(0.2, count=200)
    judged, _ = uninterrupted
    epochs = judged.best_epoch
    straight = learn_everything(judged, data, tmp_path / "straight")
    assert straight.best_epoch == epochs
    assert straight.network.config == judged.network.config
    assert_same(straight.network, judged.network)

    def interrupt(progress: TrainingProgress) -> None:
        assert progress.refit
        if progress.epoch == epochs and progress.batch * 2 > progress.batches:
            raise Killed

    folder = tmp_path / "interrupted"
    with pytest.raises(Killed):
        learn_everything(judged, data, folder, resume=True, on_progress=interrupt, save_every_s=0.0)
    assert_same(learn_everything(judged, data, folder, resume=True).network, judged.network)
    with pytest.raises(NothingToResume, match="another dropout"):
        learn_everything(replace(judged, recipe=replace(recipe, dropout=0.3)), data, folder, resume=True)


def test_a_second_training_in_a_run_folder_is_told_of_the_first(tmp_path: Path) -> None:
    """Told at once, and nothing of the first one's is touched; a dead one holds nobody up."""
    with RunFolder(tmp_path).held():
        (tmp_path / "state.safetensors").write_text("of the first")
        with pytest.raises(DataFolderInUse, match="another training is at work there"):
            train_and_publish(markov_chain(0.2), SMALL, CheckpointStore(tmp_path / "store"), tmp_path)
        assert (tmp_path / "state.safetensors").read_text() == "of the first"
    killed_once_there(_hold, tmp_path, "held")
    with RunFolder(tmp_path).held():
        assert (tmp_path / "held").exists()


def _hold(folder: Path) -> None:
    with RunFolder(folder).held():
        (folder / "held").write_text("")
        time.sleep(90)
