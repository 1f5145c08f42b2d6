"""The race: both recipes learn, evaluation costs no time, and what is found is where the curve crosses."""

from pathlib import Path

import pytest

from app.trainer.recipe import find_recipe
from benchmarks.quality_data import load
from benchmarks.quality_speed import race, ratio, reached


def test_a_level_is_reached_between_two_points() -> None:
    curve = [(10.0, 20.0, 0.1), (20.0, 40.0, 0.3), (30.0, 60.0, 0.2)]
    assert reached(curve, 0.2) == pytest.approx((15.0, 30.0))
    assert reached(curve, 0.05) == pytest.approx((5.0, 10.0))
    assert reached(curve, 0.4) is None


def test_both_recipes_learn_in_turns(tiny_recipe: Path) -> None:
    """Until one gets there, and the other has had its time."""
    measured = load("demo", 60)
    ours = find_recipe(str(tiny_recipe))
    reference = ours.changed(
        {"name": "steps", "session_parallel": 4, "learn_start": False, "learning_rate": 1e-9}
        | {"table_learning_rate": 1e-9, "optimizer": "adagrad"}
    )
    record = race(measured, [ours, reference], 0.3, level=0.9, targets=50, first_turn_s=0.05, whole=False)
    assert list(record["runs"]) == ["tiny", "steps"]
    for run in record["runs"].values():
        assert run["reached_s"] is None
        assert run["seconds"] >= 0.3
        assert run["epochs"] > 0
        assert run["events_per_s"] > 0
        seconds = [point[0] for point in run["curve"]]
        assert seconds == sorted(seconds)
    assert ratio(record["runs"], "tiny", "steps").startswith("tiny did not get there in ")


def test_the_ratio_in_words() -> None:
    runs: dict[str, dict[str, float | None]]
    runs = {"ours": {"reached_s": 50.0, "seconds": 55.0}, "theirs": {"reached_s": 300.0, "seconds": 310.0}}
    assert ratio(runs, "ours", "theirs") == "ours: 50.0 s. theirs: 300.0 s, 6.0 times as long."
    runs["theirs"] = {"reached_s": None, "seconds": 400.0}
    assert ratio(runs, "ours", "theirs") == "ours: 50.0 s. theirs was stopped after 400 s: > 8.0x."
