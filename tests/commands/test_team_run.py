"""Training runs that the queue hands to `torchrun`: several processes learn one network, one of them publishes it."""

from pathlib import Path

import pytest

from app.commands.retraining import carry_out
from app.commands.working import opened
from app.domain.training_runs import RunState, TrainingAsk
from app.settings import Settings
from tests.listening import ring, written

TRACKS = 20


@pytest.fixture
def settings(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A data set, a recipe that learns it in a second, and two processes for it."""
    written(ring(TRACKS, 200, 8), tmp_path / "ring")
    recipe = tmp_path / "recipes" / "tiny.toml"
    recipe.parent.mkdir()
    recipe.write_text("hidden_size = 8\nembedding_size = 8\nepochs = 2\nmixture = false\n")
    for name, value in (
        ("DATA_DIR", tmp_path),
        ("MODEL_STORE", tmp_path / "store"),
        ("JOBS_REDIS_URL", url),
        ("TRAINING_DATA", "ring"),
        ("TRAINING_DEVICE", "cpu"),
        ("TRAINING_TORCHRUN", "--standalone --nproc-per-node 2"),
    ):
        monkeypatch.setenv(f"SEGUE_{name}", str(value))
    return Settings()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.long
def test_two_processes_carry_out_one_run(settings: Settings) -> None:
    """As a worker's process starts them."""
    training = opened(settings)
    runs, _ = training.behind
    first = training.begin_now(TrainingAsk(recipe="tiny"))
    carry_out(first.run_id)
    ended = runs.get(first.run_id)
    assert ended.state in (RunState.PUBLISHED, RunState.REFUSED), runs.log(first.run_id)
    assert any("2 processes learn together" in line for line in runs.log(first.run_id))
    assert not (settings.data_dir / "runs" / first.run_id / "training").exists()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.long
def test_what_torchrun_cannot_begin_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_TRAINING_TORCHRUN", "--no-such-option")
    training = opened(settings)
    run = training.begin_now(TrainingAsk(recipe="tiny"))
    carry_out(run.run_id)
    ended = training.behind[0].get(run.run_id)
    assert (ended.state, ended.error) == (
        RunState.FAILED,
        "torchrun ended with 2 before the run began: look at SEGUE_TRAINING_TORCHRUN.",
    )
