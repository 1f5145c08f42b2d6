"""The command line as a person meets it: quick to start, and one sentence when it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def segue(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_help_lists_every_command() -> None:
    """A newcomer sees what there is."""
    shown = segue("--help")
    assert shown.returncode == 0
    for command in ("import", "train", "evaluate", "models", "generate", "serve", "up", "docs"):
        assert command in shown.stdout


def test_help_does_not_wait_for_torch() -> None:
    """Whoever asks for help, lists checkpoints or mistypes has the answer at once."""
    script = "import sys, app.cli; sys.exit('torch' in sys.modules or 'duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["serve"], {"SEGUE_PORT": "seventy"}, "SEGUE_PORT"),
        (["train", "no-such-folder"], {}, "no-such-folder"),
        (["models", "show", "20260101T000000Z-abcdef"], {}, "20260101T000000Z-abcdef"),
        (["generate", "--seed", "x"], {}, "stable"),
        (["evaluate", "stable", "--sessions", "no-such-file"], {}, "stable"),
    ],
)
def test_what_is_refused_is_one_sentence_and_exit_code_2(
    arguments: list[str], environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    """No traceback: what was expected, what came."""
    shown = segue(*arguments, SEGUE_MODEL_STORE=str(tmp_path / "store"), **environment)
    assert shown.returncode == 2
    assert sentence in shown.stderr
    assert "Traceback" not in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_serving_needs_nothing_that_only_training_needs() -> None:
    """The image that serves is installed without the `train` extra."""
    only_training = {"duckdb", "matplotlib", "defusedxml", "optuna", "app.trainer", "app.dataset"}
    script = f"import sys, app.main, app.commands.processes; print(sorted({only_training!r} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert shown.stdout == "[]\n"
