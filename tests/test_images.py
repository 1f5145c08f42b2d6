"""The Dockerfile and the compose file are what their tools accept and what the project has."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "check",
    [
        ["hadolint", "Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
    ],
    ids=["Dockerfile", "docker-compose.yml"],
)
def test_files_for_containers_pass_their_linters(check: list[str]) -> None:
    """No engine is needed to find most mistakes."""
    checked = subprocess.run(
        [str(BIN / check[0]), *check[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_is_copied_exists() -> None:
    """A renamed file would only be missed at build time."""
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
