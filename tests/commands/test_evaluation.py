"""`segue evaluate` on a published checkpoint that was really trained."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from app.commands import evaluation
from app.dataset.folder import Dataset, Sessions, write_dataset
from app.domain.catalogue import Catalogue, Track
from app.errors import InvalidDataset, InvalidRequest, SegueError, UnknownCheckpoint, UnreadableSource
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.stores.checkpoints import CheckpointStore
from app.trainer.recipe import Recipe
from app.trainer.training import train

V = 20


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in which track i is always followed by track i + 1."""
    catalogue = Catalogue([Track(f"t{row}", f"Song {row}", f"Artist {row % 3}") for row in range(V)])
    tracks = np.array([(start * 3 + step) % V for start in range(120) for step in range(5)], np.int32)
    sessions = Sessions(tracks, np.arange(0, len(tracks) + 1, 5), np.arange(len(tracks)) * 60 + 1)
    folder = tmp_path_factory.mktemp("data") / "circle"
    write_dataset(folder, catalogue, sessions, {})
    return folder


@pytest.fixture(scope="module")
def store(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one checkpoint that has learned the circle."""
    from app.dataset.folder import open_dataset

    opened: Dataset = open_dataset(dataset)
    recipe = Recipe(hidden_size=24, embedding_size=24, epochs=8, batch_events=64, learning_rate=0.01, patience=8)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny products on several threads wait for each other longer than they compute
    trained = train(opened, recipe, tmp_path_factory.mktemp("run"))
    torch.set_num_threads(before)
    root = tmp_path_factory.mktemp("store")
    CheckpointStore(root).publish(
        CheckpointDraft(
            network=trained.network,
            catalogue=opened.catalogue,
            training=trained.summary(),
            data={"fingerprint": opened.fingerprint},
            metrics={},
            baselines={},
            verdict=Verdict(accepted=True, reason="for a test"),
            probe=(0, 1, 2),
        )
    )
    return root


@pytest.fixture
def checkpoint(store: Path) -> str:
    return CheckpointStore(store).ids()[0]


def run(*arguments: object) -> Result:
    cli = typer.Typer()
    evaluation.register(cli)
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def refusal(*arguments: object) -> SegueError:
    result = run(*arguments)
    assert isinstance(result.exception, SegueError), result.output
    return result.exception


def test_a_plain_session_file_is_judged_by_track_id(checkpoint: str, store: Path, tmp_path: Path) -> None:
    file = tmp_path / "sessions.txt.gz"
    file.write_bytes(gzip.compress(b"t0 t1 t2 t3\nt7 t8 never-heard t9\nt4 t5\n"))
    out = tmp_path / "figures.json"
    result = run(checkpoint[:12], "--sessions", file, "--store", store, "--json", out)
    assert result.exit_code == 0, result.output
    assert "Recall@20" in result.stdout
    assert "1 of 10 events (1 of 10 tracks) are unknown" in result.stdout
    figures = json.loads(out.read_text())
    assert figures["checkpoint_id"] == checkpoint
    assert figures["unknown_events"] == 1
    assert figures["metrics"]["targets"] == 6
    assert figures["metrics"]["recall@1"] > 0.6
    assert figures["baselines"] == {}


def test_a_table_of_artists_and_titles_is_judged_by_name(checkpoint: str, store: Path, tmp_path: Path) -> None:
    file = tmp_path / "plays.csv"
    rows = [f"one,ARTIST {row % 3},song {row}" for row in range(6)]
    file.write_text("\n".join(["session_id,artist,title", *rows]) + "\n")
    result = run(checkpoint, "--sessions", file, "--store", store)
    assert result.exit_code == 0, result.output
    assert "0 of 6 events" in result.stdout


def test_baselines_are_fitted_on_the_sessions_that_are_not_judged(
    checkpoint: str, store: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    arguments = (checkpoint, "--sessions", dataset, "--store", store, "--baselines", dataset, "--json", out)
    result = run(*arguments, "--newest", "0.1", "--seen-only")
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())
    assert list(figures["baselines"]) == ["popularity", "markov", "sequential rules", "item-kNN", "V-SKNN"]
    assert figures["baselines"]["markov"]["recall@1"] == 1.0
    assert figures["metrics"]["targets"] == figures["baselines"]["markov"]["targets"] == 12 * 4
    assert figures["metrics"]["popularity_ratio@20"] is not None
    assert "flatter" not in result.stdout
    assert isinstance(refusal(*arguments), InvalidDataset)


def test_judging_on_what_was_learned_is_said_to_flatter(checkpoint: str, store: Path, dataset: Path) -> None:
    result = run(checkpoint, "--sessions", dataset, "--store", store)
    assert result.exit_code == 0, result.output
    assert "flatter" in result.stdout


def test_what_cannot_be_judged_is_one_sentence(checkpoint: str, store: Path, dataset: Path, tmp_path: Path) -> None:
    binary, strange = tmp_path / "noise.csv", tmp_path / "strange.txt"
    binary.write_bytes(bytes(range(256)) * 4)
    strange.write_text("x y z\n")
    assert isinstance(refusal("nonesuch", "--sessions", dataset, "--store", store), UnknownCheckpoint)
    assert isinstance(refusal("stable", "--sessions", dataset, "--store", store), UnknownCheckpoint)
    assert isinstance(refusal(checkpoint, "--sessions", tmp_path / "none.csv", "--store", store), UnreadableSource)
    assert isinstance(refusal(checkpoint, "--sessions", binary, "--store", store), UnreadableSource)
    unknown = refusal(checkpoint, "--sessions", strange, "--store", store)
    assert isinstance(unknown, InvalidDataset)
    assert "found none among 3" in str(unknown)
    assert isinstance(refusal(checkpoint, "--sessions", dataset, "--store", store, "--seen-only"), InvalidRequest)
    nowhere = tmp_path / "no" / "folder" / "figures.json"
    assert isinstance(refusal(checkpoint, "--sessions", dataset, "--store", store, "--json", nowhere), InvalidRequest)
