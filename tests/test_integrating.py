"""docs/integrating.md and the examples work as they stand, against a real service."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import model_store, service, store_url

HOME = Path(__file__).parents[1]
PAGE = (HOME / "docs" / "integrating.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

__all__ = ["model_store", "service", "store_url"]  # the fixtures of the tests of the web


def test_every_block_of_the_page_runs(
    service: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From top to bottom, as one program."""
    monkeypatch.chdir(tmp_path)
    program = "".join(BLOCKS).replace("http://127.0.0.1:8000", str(service.base_url))
    exec(compile(program, "docs/integrating.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "queen-bohemian-rhapsody Queen - Bohemian Rhapsody" in printed
    assert "0 events wait; 0 were sent" in printed
    assert len(BLOCKS) >= 8


def test_the_radio_of_the_readme_plays(
    service: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is printed, but for the address and the five seconds of each track."""
    [program] = re.findall(r"```python\n(.*?)```", (HOME / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    program = program.replace("http://127.0.0.1:8000", str(service.base_url)).replace("sleep(5)", "sleep(0)")
    exec(compile(program, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Now playing: Pink Floyd - Time"
    assert len(set(lines)) == 10


def environment(service: httpx.Client, **more: str) -> dict[str, str]:
    return {**os.environ, "SEGUE_URL": str(service.base_url), "PYTHONPATH": str(HOME), **more}


def test_the_web_radio_plays(service: httpx.Client, tmp_path: Path) -> None:
    """Ten tracks, none of them twice, and short enough to be read at one glance."""
    script = HOME / "examples" / "web_radio.py"
    played = subprocess.run(
        [sys.executable, str(script), "stairway"],
        env=environment(service, SECONDS_PER_TRACK="0", TRACKS="10"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = played.stdout.splitlines()
    assert lines[0] == "Now playing: Led Zeppelin - Stairway to Heaven", played.stderr
    assert len(set(lines)) == 10
    assert len(script.read_text().splitlines()) <= 30


@pytest.fixture
def screen(service: httpx.Client) -> Iterator["subprocess.Popen[str]"]:
    """The second screen, while it runs."""
    script = HOME / "examples" / "now_playing.py"
    command = [sys.executable, str(script), "second screen"]
    with subprocess.Popen(command, env=environment(service), stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.send_signal(signal.SIGKILL)


def test_the_second_screen_follows(service: httpx.Client, screen: "subprocess.Popen[str]") -> None:
    """It shows another list when the listener plays, and ends when the listener is forgotten."""
    assert screen.stdout is not None
    before = screen.stdout.readline()
    assert before.count(" | ") == 2
    event = {"type": "played", "track_id": "queen-bohemian-rhapsody"}
    service.post("/v1/next", json={"listener_id": "second screen", "event": event})
    assert screen.stdout.readline() not in ("", before)
    service.delete("/v1/listeners/second%20screen")
    assert screen.wait(20) == 0
