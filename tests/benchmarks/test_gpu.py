"""The benchmark of devices: run on the processor, which is everywhere, and on the made-up device."""

import json
from pathlib import Path

import pytest
import torch

from app.trainer.device import PROCESSOR
from app.trainer.recipe import find_recipe
from benchmarks.gpu import learn, main
from benchmarks.quality_data import Measured
from tests.trainer.elsewhere import ELSEWHERE, elsewhere
from tests.trainer.made_sessions import markov_chain


@pytest.mark.parametrize("device", [PROCESSOR, ELSEWHERE])
def test_it_learns_until_time_is_up_or_enough_was_read(device: torch.device, tiny_recipe: Path) -> None:
    data = markov_chain(0.2, count=30)
    measured = Measured("ring", data, data.sessions, seen_only=True)
    recipe = find_recipe(str(tiny_recipe)).changed({"batch_events": 100})
    with elsewhere():
        # Many times more steps than an epoch has: it goes through the sessions again.
        enough = learn(measured, recipe, device, seconds=1e6, most=400)
        at_once = learn(measured, recipe, device, seconds=0.0, most=10**9)
    assert 400 <= enough["events"] < 600
    assert 0 < at_once["events"] <= 300
    assert enough["events_per_s"] == pytest.approx(enough["events"] / enough["seconds"])


def test_the_processor_alone_is_measured_where_it_is_asked_for(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--data", "demo", "--recipe", str(tiny_recipe), "--device", "cpu", "--batch-events", "40"]
    main([*asked, "--seconds", "0.05", "--sessions", "60", "--threads", "1", "--results", str(tmp_path / "gpu.jsonl")])
    rows = [json.loads(line) for line in (tmp_path / "gpu.jsonl").read_text("utf-8").splitlines()]
    assert [(row["device"], row["batch_events"], row["gpu_mb"]) for row in rows] == [
        ("processor", 1024, None),
        ("processor", 40, None),
    ]
    assert capsys.readouterr().out.count("at this pace") == 2
