"""Logs tell what broke, and never the values that were at hand when it did."""

import subprocess
import sys

import pytest

BREAKS = """
import structlog
from app.telemetry import configure_logging

configure_logging("{log_format}", "info")

def answer(headers):
    secret = headers["authorization"]
    raise RuntimeError("it broke")

try:
    answer({{"authorization": "canary" + "-secret"}})
except RuntimeError:
    structlog.get_logger("app").exception("request_failed", path="/v1/next")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_holds_no_values(log_format: str) -> None:
    """Where rich is installed, structlog would print every local variable: keys, and who listens to what."""
    ran = subprocess.run(
        [sys.executable, "-c", BREAKS.format(log_format=log_format)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "it broke" in ran.stderr
    assert "request_failed" in ran.stderr
    assert "canary-secret" not in ran.stderr
