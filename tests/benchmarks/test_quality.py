"""The quality benchmark from end to end, over some sessions of the demo."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import InvalidRequest
from app.trainer.comparison import BASELINES
from app.trainer.recipe import recipe_names
from benchmarks.quality import asked_of, main

Record = dict[str, Any]


def test_every_baseline_and_every_recipe_leaves_a_line(records: list[Record]) -> None:
    assert [record["model"] for record in records] == [*BASELINES, "tiny", "tiny"]
    assert [record["answers"] for record in records] == ["baseline"] * 5 + ["network alone", "served"]


def test_runs_side_by_side_find_what_runs_one_by_one_find(
    records: list[Record], tiny_recipe: Path, tmp_path: Path
) -> None:
    """In whatever order they end, and on one thread each."""
    asked = ["--data", "demo", "--sessions", "240", "--seed", "5", "--recipes", str(tiny_recipe), "--at-once", "3"]
    assert main([*asked, "--results", str(tmp_path), "--page", str(tmp_path / "none.md")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "quality.jsonl").read_text("utf-8").splitlines()]
    assert _figures(lines) == _figures(records)
    assert {line["machine"]["threads"] for line in lines} == {1}


def _figures(records: list[Record]) -> dict[tuple[str, str], Any]:
    return {(record["model"], record["answers"]): record["metrics"] for record in records}


def test_a_line_says_what_was_measured_on_what_and_how(records: list[Record]) -> None:
    alone, tiny = records[-2:]
    assert tiny["training"] == alone["training"]
    assert tiny["training"]["seconds"] > tiny["training"]["without_mixing_s"]
    assert tiny["training"]["mixing"]["targets"] > 0
    assert tiny["seed"] == tiny["recipe"]["seed"] == 5
    assert tiny["training"]["half_lives"] == [], "nothing was to be chosen"
    assert tiny["data_facts"]["training_sessions"] == 216
    assert tiny["training"]["seconds"] > 0
    assert tiny["training"]["events_per_s"] > 0
    assert tiny["training"]["peak_mb"] > 50
    assert tiny["machine"]["threads"] == 1
    assert len(tiny["training"]["history"]) == 1
    assert not tiny["whole"]


def test_a_line_holds_every_figure(records: list[Record]) -> None:
    for record in records:
        metrics = record["metrics"]
        for word in ("recall", "mrr", "ndcg"):
            figures = [metrics[f"{word}@{k}"] for k in (1, 5, 10, 20, 100)]
            assert figures == sorted(figures)
            low, high = metrics["intervals"][f"{word}@20"]
            assert low <= metrics[f"{word}@20"] <= high
        assert 0 < metrics["coverage@20"] <= 1
        assert metrics["popularity@20"] > 0
    assert records[-1]["metrics"]["log_loss"] > 0


def test_a_setting_may_be_changed_and_the_line_says_so(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidRequest, match="hidden_size of at least 1"):
        main(["--data", "demo", "--sessions", "100", "--no-baselines", "--recipes", str(tiny_recipe), "--set",
              "hidden_size=0", "--results", str(tmp_path), "--page", str(tmp_path / "none.md")])  # fmt: skip
    assert not (tmp_path / "quality.jsonl").exists()
    assert "left out" not in capsys.readouterr().out


def test_data_that_are_not_there_are_left_out_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a check of what was not measured fails."""
    monkeypatch.setattr("benchmarks.quality_data.DATA", tmp_path / "shared" / "data")
    places = ["--results", str(tmp_path), "--page", str(tmp_path / "none.md")]
    assert main(["--data", "nowplaying", "gratefuldead", *places, "--check"]) == 1
    out = capsys.readouterr().out
    assert "nowplaying is left out: needs the listening data at shared/data/nowplaying/train" in out
    assert "MISSED: nowplaying, the network alone: recall@20 of at least 0.215; found no result" in out
    assert "goal, not reached: nowplaying, what the server answers: mrr@20 of at least 0.100" in out


def test_a_data_set_of_ones_own_is_measured_and_held_to_its_peers(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by its path in one command; what is missed there is named, and the exit status says so."""
    generator = np.random.default_rng(3)
    heard = np.cumsum(generator.integers(1, 3, size=(120, 6)), axis=1) % 30
    (tmp_path / "mine").mkdir()
    for part, sessions in (("train", heard[:100]), ("test", heard[100:])):
        with gzip.open(tmp_path / "mine" / f"{part}.sessions.txt.gz", "wt", encoding="utf-8") as file:
            file.writelines(" ".join(map(str, session)) + "\n" for session in sessions)
    places = ["--results", str(tmp_path / "results"), "--page", str(tmp_path / "none.md")]
    asked = ["--data", str(tmp_path / "mine"), "--recipes", str(tiny_recipe), "--threads", "1"]
    assert main([*asked, *places, "--check"]) == 1
    lines = (tmp_path / "results" / "quality.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["data"] for line in lines] == ["mine"] * len(lines)
    assert len(lines) == len(BASELINES) + 2
    out = capsys.readouterr().out
    assert "MISSED: mine: gru above V-SKNN in recall@20 and mrr@20; found no result" in out
    assert "nowplaying" not in out


def test_a_data_set_that_is_nowhere_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--results", str(tmp_path), "--page", str(tmp_path / "none.md")]
    with pytest.raises(SystemExit) as refusal:
        main(["--data", str(tmp_path / "none"), "demo", "--sessions", "20", *places, "--recipes"])
    assert refusal.value.code == 2
    assert "found nothing there" in capsys.readouterr().err
    assert not (tmp_path / "quality.jsonl").exists()


def test_what_is_left_out_is_what_the_table_holds() -> None:
    """Ours beside the reference everywhere, and every recipe where it takes a minute."""
    assert asked_of("nowplaying", None) == ("gru", "gru4rec-2018-xe")
    assert asked_of("gratefuldead", None) == asked_of("nowplaying", ["all"]) == recipe_names()
    assert asked_of("gratefuldead", ["elman"]) == ["elman"]
    assert asked_of("demo", []) == [], "baselines only"
