import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.commands import models
from app.errors import (
    CheckpointError,
    InvalidRequest,
    LabelConflict,
    SegueError,
    TrackExists,
    UnknownCheckpoint,
    WorseThanBaseline,
)
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import flip_byte, new_draft
from tests.rnn.retrieval.indexes import indexed_draft

cli = typer.Typer()
models.register(cli)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store of an accepted, a rejected and another accepted checkpoint, oldest first."""
    root = tmp_path_factory.mktemp("published")
    drafts = [new_draft(0), new_draft(1, accepted=False), new_draft(2)]
    found = {CheckpointStore(root).publish(draft).checkpoint_id: draft for draft in drafts}
    return root, list(found)


@pytest.fixture
def store(tmp_path: Path, published: tuple[Path, list[str]]) -> Path:
    return Path(shutil.copytree(published[0], tmp_path / "store"))


@pytest.fixture
def ids(published: tuple[Path, list[str]]) -> list[str]:
    return published[1]


def run(store: Path, *arguments: str, columns: int = 200) -> str:
    """Run a subcommand; return what it printed, or raise what it refused with."""
    result = CliRunner().invoke(cli, ["models", *arguments, "--store", str(store)], env={"COLUMNS": str(columns)})
    if isinstance(result.exception, SegueError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(store: Path, *arguments: str) -> Any:
    return json.loads(run(store, *arguments, "--json"))


def test_list_shows_labels_status_and_metrics(store: Path, ids: list[str]) -> None:
    run(store, "promote", ids[0])
    printed = run(store, "list")
    assert all(one in printed for one in ids)
    assert "stable" in printed
    assert "rejected" in printed
    assert "0.5000" in printed
    listed = answer(store, "list")
    assert {one["checkpoint_id"]: one["status"] for one in listed["checkpoints"]} == dict(
        zip(ids, ("accepted", "rejected", "accepted"), strict=True)
    )
    assert listed["labels"]["stable"] == ids[0]
    assert listed["damaged"] == {}


def test_a_list_breaks_no_id_and_no_heading_on_a_narrow_terminal(store: Path, ids: list[str]) -> None:
    run(store, "promote", ids[0])
    heading, *rows = [line.split() for line in run(store, "list", columns=80).splitlines() if line.strip()]
    assert heading == ["checkpoint", "labels", "status", "network", "tracks", "R@20", "MRR@20"]
    assert {row[0] for row in rows} >= set(ids)


def test_list_of_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    assert "segue train" in run(tmp_path / "nowhere", "list")


def test_list_names_what_is_damaged_beside_what_is_whole(store: Path, ids: list[str]) -> None:
    flip_byte(store / ids[0] / "checkpoint.json", 30)
    (store / ids[1] / "weights.safetensors").unlink()
    assert "damaged" in run(store, "list")
    damaged = answer(store, "list")["damaged"]
    assert damaged.keys() == set(ids[:2])
    assert "weights.safetensors" in damaged[ids[1]]


def test_show_puts_the_metrics_beside_the_baselines(store: Path, ids: list[str]) -> None:
    printed = run(store, "show", ids[0])
    for expected in (ids[0], "accepted", "popularity", "markov", "recall@20", "0.2000", "fingerprint", "rnn_kind"):
        assert expected in printed
    shown = answer(store, "show", ids[0])
    assert shown["baselines"]["markov"]["recall@20"] == 0.2
    assert shown["files"].keys() >= {"weights.safetensors", "report/report.html"}


def test_show_tells_how_a_large_catalogue_is_searched(tmp_path: Path) -> None:
    published = CheckpointStore(tmp_path).publish(indexed_draft()).checkpoint_id
    printed = run(tmp_path, "show", published)
    for expected in ("index", "probes", "recall_at_20", "log_total_error_std", "half"):
        assert expected in printed
    assert answer(tmp_path, "show", published)["index"]["rows"] == "half"


def test_promote_and_rollback_move_the_label(store: Path, ids: list[str]) -> None:
    assert f"stable is {ids[0]}" in run(store, "promote", ids[0])
    assert answer(store, "promote", ids[2])["history"] == [ids[0]]
    assert f"stable is {ids[0]}" in run(store, "rollback")
    assert "10 %" in run(store, "promote", ids[2], "--label", "canary", "--traffic-percent", "10")
    assert "canary is unset" in run(store, "rollback", "--label", "canary")
    assert answer(store, "show", "stable")["checkpoint_id"] == ids[0]


def test_a_rejected_checkpoint_needs_force(store: Path, ids: list[str]) -> None:
    with pytest.raises(WorseThanBaseline, match="does not beat Markov"):
        run(store, "promote", ids[1])
    assert answer(store, "promote", ids[1], "--force")["stable"] == ids[1]


def test_labels_that_somebody_changed_are_not_overwritten(store: Path, ids: list[str]) -> None:
    run(store, "promote", ids[0], "--expected-version", "0")
    with pytest.raises(LabelConflict):
        run(store, "promote", ids[2], "--expected-version", "0")


def test_verify_names_the_broken_file(store: Path, ids: list[str]) -> None:
    assert run(store, "verify").count("whole") == 3
    flip_byte(store / ids[2] / "weights.safetensors", 500)
    assert "whole" in run(store, "verify", ids[0])
    with pytest.raises(CheckpointError, match=r"1 of 3 .*weights\.safetensors"):
        run(store, "verify")
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        run(store, "verify", ids[2], "--json")


def test_prune_says_what_it_removed(store: Path, ids: list[str]) -> None:
    run(store, "promote", ids[0])
    newest = CheckpointStore(store).ids()[0]
    printed = run(store, "prune", "--keep", "1")
    removed = [one for one in ids if one not in (ids[0], newest)]
    assert all(f"removed {one}" in printed for one in removed)
    assert answer(store, "prune", "--keep", "0")["kept"] == CheckpointStore(store).ids()
    assert ids[0] in CheckpointStore(store).ids()


@pytest.mark.parametrize("arguments", [["show", "../etc"], ["promote", "20"], ["verify", "nothing"]])
def test_names_that_are_no_checkpoint_are_refused(store: Path, arguments: list[str]) -> None:
    with pytest.raises(UnknownCheckpoint):
        run(store, *arguments)
    with pytest.raises(InvalidRequest):
        run(store, "rollback", "--label", "latest")


def test_a_refusal_is_one_sentence_and_exit_code_2(store: Path, ids: list[str]) -> None:
    """Through the real command."""
    flip_byte(store / ids[0] / "catalogue.parquet", 99)
    command = [sys.executable, "-m", "app.cli", "models", "verify", ids[0], "--store", str(store)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert result.returncode == 2
    assert "catalogue.parquet" in result.stderr
    assert result.stderr.count("\n") == 1


def test_add_tracks_publishes_and_promotes_if_asked(store: Path, ids: list[str], tmp_path: Path) -> None:
    """To a label or an id; nothing moves unless it is said."""
    run(store, "promote", ids[0])
    (tmp_path / "new.csv").write_text("track_id,artist,title\nnew1,Artist 4,New Song\n,Artist 4,Newer Song\n")
    printed = run(store, "add-tracks", "stable", str(tmp_path / "new.csv"))
    assert printed.startswith(f"2 tracks added to {ids[0]}: published ")
    assert CheckpointStore(store).labels().stable == ids[0]
    added = answer(store, "add-tracks", ids[0], str(tmp_path / "new.csv"), "--promote")
    assert added["labels"]["stable"] == CheckpointStore(store).labels().stable == added["checkpoint_id"]
    assert added["added_to"] == ids[0]
    assert added["track_ids"][0] == "new1"
    assert answer(store, "show", "stable")["data"]["added_tracks"] == {"tracks": 2, "judged": ids[0]}
    with pytest.raises(TrackExists, match="new1"):
        run(store, "add-tracks", "stable", str(tmp_path / "new.csv"))
