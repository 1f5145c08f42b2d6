"""`segue train` as a person runs it: a data set in, a judged checkpoint out, wherever it is interrupted."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from app.cli import cli
from app.errors import InvalidRequest, NothingToResume
from app.stores.checkpoints import CheckpointStore
from tests.listening import ring, written

V = 60
# Fitting a mixture takes longer than all the rest.
SMALL = ("--set", "hidden_size=16", "--set", "mixture=false", "--threads", "1")
QUICK = (*SMALL, "--set", "epochs=3", "--set", "refit=false")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions in which each track is followed by one other, most of the time."""
    return written(ring(V, 500, 10, noise=0.2, seed=52), tmp_path_factory.mktemp("data") / "ring")


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, ["train", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_a_trained_network_is_judged_published_and_served(dataset: Path, tmp_path: Path) -> None:
    mixed = (*QUICK, "--set", "epochs=6", "--set", "mixture=true")
    output = run(dataset, "--store", tmp_path / "store", "--run-dir", tmp_path / "run", *mixed)
    store = CheckpointStore(tmp_path / "store")
    (manifest,) = store.list()
    assert manifest.accepted, manifest.reason
    assert store.labels().stable == manifest.checkpoint_id
    assert manifest.training["recipe"]["hidden_size"] == 16
    assert set(manifest.baselines) >= {"popularity", "markov", "sequential rules", "item-kNN", "V-SKNN"}
    assert ("network alone" in manifest.baselines) == manifest.training["mixing"]["used"]
    assert manifest.metrics["mrr@20"] > manifest.baselines["popularity"]["mrr@20"]
    assert manifest.data["training_sessions"] == 450
    assert "report/report.html" in manifest.files
    assert "Promoted to stable" in output
    assert "markov" in output
    assert not list((tmp_path / "run").iterdir()), "the run folder is emptied once the checkpoint is published"
    assert store.load("stable").catalogue[0].title == "Title 0"


@pytest.fixture(scope="module")
def as_judged(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store of a checkpoint that has not learned what judged it, nor been promoted, and what was printed."""
    home = tmp_path_factory.mktemp("as judged")
    arguments = ("--store", home / "store", "--run-dir", home / "run", *SMALL, "--set", "epochs=6")
    return home / "store", run(dataset, "--as-judged", "--no-promote", *arguments)


def test_what_is_accepted_learns_what_judged_it_and_keeps_the_figures(
    dataset: Path, tmp_path: Path, as_judged: tuple[Path, str]
) -> None:
    store = CheckpointStore(Path(shutil.copytree(as_judged[0], tmp_path / "store")))
    fresh = run(dataset, "--store", store.root, "--run-dir", tmp_path / "run", *SMALL, "--set", "epochs=6")
    assert ("has since learned" in as_judged[1], "has since learned" in fresh) == (False, True)
    one, other = sorted(store.list(), key=lambda manifest: int(manifest.data["learned_sessions"]))
    assert (one.data["learned_sessions"], other.data["learned_sessions"]) == (450, 500)
    assert other.metrics == one.metrics
    networks = [store.load(manifest.checkpoint_id).network for manifest in (one, other)]
    assert not torch.equal(networks[0].input_table, networks[1].input_table)
    assert not list((tmp_path / "run").iterdir())


def test_a_network_no_better_than_counting_is_published_as_rejected(dataset: Path, tmp_path: Path) -> None:
    output = run(
        dataset, "--store", tmp_path / "store", "--run-dir", tmp_path / "run", *QUICK, "--set", "epochs=1",
        "--set", "learning_rate=1e-9", "--set", "table_learning_rate=1e-9",
        "--set", "cooccurrence_start=false", "--set", "pull_back=false",
    )  # fmt: skip
    store = CheckpointStore(tmp_path / "store")
    (manifest,) = store.list()
    assert manifest.status == "rejected"
    assert "popularity" in manifest.reason
    assert manifest.reason in output
    assert store.labels().stable is None


def test_publishing_without_promoting(as_judged: tuple[Path, str]) -> None:
    store = CheckpointStore(as_judged[0])
    (manifest,) = store.list()
    assert manifest.accepted, manifest.reason
    assert store.labels().stable is None


@pytest.mark.slow
def test_a_killed_training_goes_on_and_nothing_half_done_is_listed(dataset: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "app.cli", "train", str(dataset), "--store", str(tmp_path / "store"),
        "--run-dir", str(tmp_path / "run"), *QUICK,
        "--set", "epochs=12", "--set", "patience=12",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting_until = time.monotonic() + 100
    while not (tmp_path / "run" / "state.safetensors").exists() and time.monotonic() < waiting_until:
        assert process.poll() is None, "the training ended before it could be killed"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert CheckpointStore(tmp_path / "store").list() == []
    run(*command[4:], "--resume")
    assert len(CheckpointStore(tmp_path / "store").list()) == 1


def test_nothing_to_resume_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToResume, match="found none"):
        run(dataset, "--store", tmp_path / "store", "--run-dir", tmp_path / "run", *QUICK, "--resume")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs", "KEY=VALUE, got 'epochs'"),
        ("epochs=many", "epochs of type int, got 'many'"),
        ("epoch=3", "Expected a setting of a recipe .* got 'epoch'"),
    ],
)
def test_a_setting_that_is_none_is_refused(change: str, message: str, dataset: Path) -> None:
    with pytest.raises(InvalidRequest, match=message):
        run(dataset, "--set", change)
