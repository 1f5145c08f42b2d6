"""What the README tells a newcomer to type exists."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.cli import cli
from app.demo.catalogue import demo_catalogue
from app.web.schemas.next_tracks import NextRequest
from app.web.schemas.playlists import PlaylistRequest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]


def commands_of(page: Path) -> list[str]:
    """Return the `segue` commands in a page's bash blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("segue ")]


TYPED = [(page.name, command) for page in PAGES for command in commands_of(page)]


@pytest.mark.parametrize(("page", "command"), TYPED, ids=[f"{page}: {command[:50]}" for page, command in TYPED])
def test_commands_in_the_docs_exist(page: str, command: str) -> None:
    """Each subcommand is there and takes each option that is written."""
    words = shlex.split(command, comments=True)[1:]
    path, known = [], get_command(cli)
    while words and hasattr(known, "commands") and words[0] in known.commands:
        path.append(words[0])
        known = known.commands[words.pop(0)]
    assert path, f"{page}: {command}"
    options = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("-") and not word.lstrip("-").isdecimal():
            assert word.split("=")[0] in {*options, "--help"}, f"{page}: {command}"
    assert CliRunner().invoke(cli, [*path, "--help"]).exit_code == 0


def test_the_calls_of_the_readme_s_tour_can_be_made() -> None:
    """Each body is one that its path takes, and asks for a track of the demo."""
    calls = re.findall(r"curl -s localhost:8000(\S+)[^\n]*\\\n\s+-d '(\{.*?\})'", README.read_text(encoding="utf-8"))
    assert [path for path, _ in calls] == ["/v1/next", "/v1/playlists"]
    asked = NextRequest.model_validate_json(calls[0][1])
    wanted = PlaylistRequest.model_validate_json(calls[1][1])
    assert asked.event is not None
    named = [asked.event.track_id, *(seed.track for seed in wanted.seeds)]
    assert all(track_id and demo_catalogue().index_of(track_id) is not None for track_id in named)


def test_links_between_pages_lead_somewhere() -> None:
    """No page points at one that was renamed."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
