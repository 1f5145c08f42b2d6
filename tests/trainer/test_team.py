"""Two real processes that learn together over loopback: the same network in both, and the one that one would learn."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.errors import InvalidRequest, SegueError, TrainingError
from app.stores.checkpoints import CheckpointStore
from app.trainer.progress import TrainingProgress
from app.trainer.recipe import Recipe
from app.trainer.team import ALONE, Team, join_team
from app.trainer.training import train
from tests.listening import ring, written
from tests.ports import free_port
from tests.trainer.forked import PROCESSES

V = 40
SMALL = Recipe(
    hidden_size=16, embedding_size=16, output_size=16, skip_input=True, normalised=True, batch_events=120, epochs=2,
    patience=4, learning_rate=0.01, gradient_clip=0.5, seed=3,
)  # fmt: skip
RECIPES = {
    "full": SMALL,
    "sampled": replace(SMALL, full_softmax_up_to=0, negatives=20, tied=True, row_adagrad=True, output_bias=False),
    "refit": replace(SMALL, refit=True, cooccurrence_start=True, epochs=1),
    "few rows": replace(SMALL, batch_events=8, epochs=1),
    "dropout": replace(SMALL, dropout=0.3),
}
RING = ring(V, 48, 9, noise=0.2)

Play = Callable[[Team, Path], object]


def _process(rank: int, port: int, play: Play, folder: Path) -> None:
    """Be one of two, in the surroundings `torchrun` makes."""
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    torch.set_num_threads(1)
    try:
        with join_team() as team:
            outcome = play(team, folder)
    except SegueError as refusal:
        outcome = refusal
    torch.save(outcome, folder / f"outcome-{rank}.pt")


def together(play: Play, folder: Path) -> list[object]:
    """Play one function in two processes; return what each made of it, or what it refused."""
    port = free_port()
    processes = [PROCESSES.Process(target=_process, args=(rank, port, play, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(180)
    for process in processes:
        if process.is_alive():
            process.kill()
    outcomes = [folder / f"outcome-{rank}.pt" for rank in range(2)]
    return [torch.load(path, weights_only=False) if path.exists() else None for path in outcomes]


def _train_all(team: Team, folder: Path) -> object:
    found = {}
    for name, recipe in RECIPES.items():
        trained = train(RING, recipe, folder / name, team=team)
        found[name] = (trained.network.state_dict(), trained.history, trained.network.config.temperature)
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)  # starts processes that import torch
def test_two_processes_learn_one_network_and_the_one_that_one_would(tmp_path: Path) -> None:
    one, other = together(_train_all, tmp_path)
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    for name, recipe in RECIPES.items():
        (weights, history, temperature), (same, history_too, temperature_too) = one[name], other[name]
        for part, weight in weights.items():
            assert torch.equal(weight, same[part]), (name, part)
        assert temperature == temperature_too
        assert [record.recall for record in history] == [record.recall for record in history_too]
        alone = train(RING, recipe, tmp_path / f"alone-{name}")
        if name == "dropout":
            # Other random numbers: near, not the same.
            assert history[-1].log_loss == pytest.approx(alone.history[-1].log_loss, rel=0.1)
            continue
        for part, weight in weights.items():
            torch.testing.assert_close(weight, alone.network.state_dict()[part], rtol=2e-3, atol=2e-4)
        assert history[0].loss == pytest.approx(alone.history[0].loss, rel=1e-4)
        assert history[-1].log_loss == pytest.approx(alone.history[-1].log_loss, rel=1e-3)


class Killed(Exception):
    """Stands in the tests for whatever ends a process."""


def _choose(team: Team, folder: Path) -> object:
    trained = train(
        ring(V, 320, 9, noise=0.2), replace(SMALL, choose_half_life=True, epochs=1), folder / "run", team=team
    )
    return [tried.half_life for tried in trained.half_lives], trained.network.state_dict()


def test_two_processes_choose_one_half_life(tmp_path: Path) -> None:
    one, other = together(_choose, tmp_path)
    assert isinstance(one, tuple)
    assert isinstance(other, tuple)
    assert one[0] == other[0] == [0.0, 0.25]
    assert all(torch.equal(weight, other[1][name]) for name, weight in one[1].items())


def _interrupted(team: Team, folder: Path) -> object:
    """The leading process ends in the middle of the second epoch."""

    def stop(progress: TrainingProgress) -> None:
        if team.leads and progress.epoch == 2:
            raise Killed

    with contextlib.suppress(Killed):
        train(RING, SMALL, folder / "run", on_progress=stop, team=team)
    return "gone"


def _resumed(team: Team, folder: Path) -> object:
    return train(RING, SMALL, folder / "run", resume=True, team=team).network.state_dict()


@pytest.mark.timeout(400)  # starts processes that import torch
def test_when_one_process_is_lost_the_others_say_so_and_the_run_goes_on(tmp_path: Path) -> None:
    lead, other = together(_interrupted, tmp_path)
    assert lead == "gone"
    assert isinstance(other, TrainingError)
    assert "lost one" in str(other)
    resumed, too = together(_resumed, tmp_path)
    assert isinstance(resumed, dict)
    assert isinstance(too, dict)
    alone = train(RING, SMALL, tmp_path / "alone").network.state_dict()
    for part, weight in resumed.items():
        assert torch.equal(weight, too[part])
        torch.testing.assert_close(weight, alone[part], rtol=2e-3, atol=2e-4)


def _refused(team: Team, folder: Path) -> object:
    """What cannot go on in one process, cannot in any."""
    messages: list[str] = []
    broken = replace(
        SMALL, rnn_kind="elman", activation="relu", embedding_size=0, skip_input=False, normalised=False,
        table_learning_rate=1e37, learning_rate=1e30,
    )  # fmt: skip
    side_by_side = replace(SMALL, session_parallel=8, learn_start=False)
    for recipe, resume in ((broken, False), (SMALL, True), (side_by_side, False)):
        with pytest.raises(SegueError) as refusal:
            train(RING, recipe, folder / f"none-{len(messages)}", resume=resume, team=team)
        messages.append(str(refusal.value))
    return messages


def test_a_loss_that_is_no_number_ends_both_with_the_same_words(tmp_path: Path) -> None:
    one, other = together(_refused, tmp_path)
    assert isinstance(one, list)
    assert one == other
    assert "Expected a finite loss" in one[0]
    assert "found none" in one[1]
    assert "whole sessions" in one[2]


def test_without_torchrun_there_is_no_team() -> None:
    with join_team() as team:
        assert team == ALONE
    assert ALONE.leads
    assert ALONE.from_lead(lambda: 7) == 7
    assert float(ALONE.add_up(torch.tensor(1.5), [])) == 1.5
    with pytest.raises(InvalidRequest):
        ALONE.from_lead(lambda: Recipe().changed({"unknown": 1}))


@pytest.mark.slow
@pytest.mark.timeout(400)  # starts processes that import torch
def test_torchrun_trains_and_publishes_one_checkpoint(tmp_path: Path) -> None:
    """As a person starts it; nothing is printed twice."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "app.cli",
        "train", str(written(RING, tmp_path / "ring")), "--store", str(tmp_path / "store"),
        "--run-dir", str(tmp_path / "run"),
        "--set", "hidden_size=16", "--set", "embedding_size=16", "--set", "output_size=16", "--set", "epochs=2",
        "--threads", "1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    (manifest,) = CheckpointStore(tmp_path / "store").list()
    assert done.stdout.count(manifest.checkpoint_id) == 1
