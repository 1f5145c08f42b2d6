"""A recipe small enough for a test, and one real run of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from app.rnn.threads import use_threads
from benchmarks.quality import main

TINY = """rnn_kind = "gru"
hidden_size = 8
embedding_size = 8
full_softmax_up_to = 0
negatives = 50
epochs = 1
mixture = true
"""


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for a second thread."""
    before = torch.get_num_threads()
    use_threads(1)
    yield
    use_threads(before)


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(f'name = "tiny"\n{TINY}', "utf-8")
    return path


@pytest.fixture(scope="session")
def results(tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results of the benchmark, run over some sessions of the demo."""
    folder = tmp_path_factory.mktemp("results")
    small = [
        "--data",
        "demo",
        "--sessions",
        "240",
        "--at-once",
        "1",
        "--threads",
        "1",
        "--race-minutes",
        "0",
        "--seed",
        "5",
    ]
    places = ["--results", str(folder), "--page", str(folder / "none.md")]
    assert main([*small, *places, "--recipes", str(tiny_recipe)]) == 0
    return folder


@pytest.fixture(scope="session")
def records(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (results / "quality.jsonl").read_text("utf-8").splitlines()]
