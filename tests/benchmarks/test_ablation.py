"""The ablation: each part is what it says, each run leaves its lines, and the table holds them against the whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.trainer.recipe import find_recipe
from benchmarks.ablation import PARTS, WHOLE, main, newest, render, variant

Record = dict[str, Any]


@pytest.mark.parametrize("part", [part for part in PARTS if part != WHOLE])
def test_each_part_is_another_recipe_that_can_be_learned(part: str) -> None:
    recipe = find_recipe("gru")
    assert variant(recipe, part) != recipe
    assert variant(recipe, WHOLE) == recipe


def record(part: str, answers: str, recall: float, seed: int = 1, **more: Any) -> Record:
    return {
        "part": part,
        "model": "gru",
        "answers": answers,
        "seed": seed,
        "training": {"cpu_seconds": 10.0},
        "data_facts": {"fingerprint": "a" * 64},
        "metrics": {"recall@20": recall, "mrr@20": recall / 2, "log_loss": 5.0},
    } | more


LINES = [
    record(WHOLE, "network alone", 0.2),
    record(WHOLE, "served", 0.3),
    record(WHOLE, "network alone", 0.22, seed=2),
    record(WHOLE, "served", 0.32, seed=2),
    record("logq", "network alone", 0.1),
    record("logq", "served", 0.25),
]


def test_the_table_gives_means_over_seeds_and_the_distance_from_the_whole() -> None:
    _, _, whole, logq = render(LINES).splitlines()
    assert whole == "| the recipe as it is | .2100 / .1050 | .3100 / .1550 |  | 5.00, 5.00 | 10 | 2 |"
    assert logq == "| no logQ | .1000 / .0500 | .2500 / .1250 | -0.0600 | 5.00, 5.00 | 10 | 1 |"


def test_what_mixes_nothing_in_is_served_as_it_is() -> None:
    assert "| .1000 / .0500 | .1000 / .0500 |" in render([LINES[4]])


def test_only_the_newest_of_this_recipe_and_data_count() -> None:
    again = record("logq", "served", 0.27)
    others = [record("logq", "served", 0.9, data_facts={"fingerprint": "b"}), record("logq", "served", 0.9, model="x")]
    assert newest([*LINES, again, *others], "gru", "a" * 64) == [*LINES[:-1], again]


def test_parts_are_learned_one_at_a_time_and_shown_together(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--data", "demo", "--sessions", "100", "--threads", "1", "--recipe", str(tiny_recipe)]
    file = tmp_path / "ablation.jsonl"
    for part in (WHOLE, "uniform"):
        assert main([*asked, "--parts", part, "--results", str(file)]) == 0
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [(line["part"], line["answers"]) for line in lines] == [
        (WHOLE, "network alone"),
        (WHOLE, "served"),
        ("uniform", "network alone"),
        ("uniform", "served"),
    ]
    assert lines[2]["changed"] == ["negatives_power=0.0"]
    assert not lines[2]["whole"]
    out = capsys.readouterr().out
    assert out.count("the recipe as it is") == 2
    assert out.count("negatives drawn alike") == 1
