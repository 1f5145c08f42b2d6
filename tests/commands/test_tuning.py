"""`segue tune` as a person runs it: a data set in, a recipe, a table and a picture out."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.errors import InvalidRequest, NothingToResume
from app.trainer.recipe import find_recipe
from tests.listening import dataset_of, ring_walks, written

V = 30
QUICK = (
    "--set", "hidden_size=8", "--set", "embedding_size=8", "--set", "output_size=8", "--set", "epochs=2",
    "--set", "batch_events=128", "--threads", "1", "--budget", "10m",
)  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Sessions in which each track is followed by one other, most of the time; the newest tenth are one long lie."""
    playlists = np.concatenate([ring_walks(V, 90, 8, seed=51), ring_walks(V, 10, 8, noise=1.0, seed=52)])
    return written(dataset_of(playlists, V), tmp_path / "ring")


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, ["tune", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_best_recipe_is_a_file_that_train_takes(dataset: Path, tmp_path: Path) -> None:
    out, folder = tmp_path / "best.toml", tmp_path / "search"
    output = run(dataset, "--trials", "3", "--out", out, "--run-dir", folder, *QUICK)
    recipe = find_recipe(str(out))
    assert recipe.name == "gru-tuned"
    assert recipe.epochs == 2
    assert "3 trials" in output
    assert "…" not in output.replace(" …", "")  # nothing is cut short in 80 columns
    assert f"{recipe.learning_rate:.3g}" in output
    assert (folder / "tuning.png").read_bytes().startswith(b"\x89PNG")
    result = CliRunner().invoke(
        cli,
        ["train", str(dataset), "--recipe", str(out), "--store", str(tmp_path / "store"),
         "--run-dir", str(tmp_path / "run"), "--threads", "1", "--set", "mixture=false"],
        catch_exceptions=False,
    )  # fmt: skip
    assert result.exit_code == 0, result.output


def test_a_search_that_ended_goes_on_with_resume(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    run(dataset, "--trials", "1", "--run-dir", folder, *QUICK)
    assert (folder / "best.toml").is_file()
    assert "2 trials" in run(dataset, "--trials", "2", "--run-dir", folder, "--resume", *QUICK)


def test_the_test_sessions_are_not_looked_at(dataset: Path, tmp_path: Path) -> None:
    """With the lie among what judges, nothing could be foreseen this well."""
    out = tmp_path / "best.toml"
    run(dataset, "--trials", "1", "--out", out, "--run-dir", tmp_path / "search", *QUICK, "--set", "epochs=12")
    goodness = float(out.read_text().splitlines()[0].partition("Recall@20 + MRR@20 of ")[2].split()[0])
    assert goodness > 1.5


@pytest.mark.parametrize("budget", ["soon", "0m", "-5m", "30"])
def test_a_budget_that_is_no_time_is_refused(dataset: Path, budget: str) -> None:
    with pytest.raises(InvalidRequest, match="Expected a time such as"):
        CliRunner().invoke(cli, ["tune", str(dataset), f"--budget={budget}"], catch_exceptions=False)


def test_resuming_nothing_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToResume, match="found none"):
        CliRunner().invoke(
            cli, ["tune", str(dataset), "--resume", "--run-dir", str(tmp_path / "none")], catch_exceptions=False
        )
