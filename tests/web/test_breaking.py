"""The OpenAPI never takes anything from callers without somebody saying so; and the comparison that sees to it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.commands.pages import openapi_document
from app.web.breaking import breaking

BASELINE = Path(__file__).parents[2] / "docs" / "openapi.json"
PLAYLIST = "PlaylistRequest"


def fields(document: dict[str, Any], schema: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][schema]["properties"]
    return found


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path][method]
    return found


def test_nothing_that_callers_rely_on_went_away() -> None:
    """Where this fails, take it back, or say `segue docs --accept-breaking` and tell callers in CHANGELOG.md."""
    assert breaking(json.loads(BASELINE.read_text(encoding="utf-8")), openapi_document()) == []


BREAKS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("POST /v1/next is gone", lambda new: new["paths"].pop("/v1/next")),
    (
        "DELETE /v1/listeners/{listener_id} is gone",
        lambda new: new["paths"]["/v1/listeners/{listener_id}"].pop("delete"),
    ),
    (".beam_width is gone", lambda new: fields(new, PLAYLIST).pop("beam_width")),
    ("= 'beam' is gone", lambda new: new["components"]["schemas"]["Choosing"]["enum"].remove("beam")),
    ("refused without seeds", lambda new: new["components"]["schemas"][PLAYLIST].update(required=["seeds"])),
    ("maximum 8 now, which was 16", lambda new: fields(new, PLAYLIST)["beam_width"].update(maximum=8)),
    ("of type integer is gone", lambda new: fields(new, PLAYLIST)["beam_width"].update(type="string")),
    (".tracks[].probability is gone", lambda new: fields(new, "RankedTrackAnswer").pop("probability")),
    (
        ".tracks always is gone",
        lambda new: new["components"]["schemas"]["PlaylistAnswer"]["required"].remove("tracks"),
    ),
    ("of type null now", lambda new: fields(new, "PlaylistAnswer")["playlist_id"].update(type=["string", "null"])),
    (
        "application/xspf+xml is gone",
        lambda new: operation(new, "post", "/v1/playlists")["responses"]["200"]["content"].pop("application/xspf+xml"),
    ),
    (
        "query.year_from is gone",
        lambda new: operation(new, "get", "/v1/listeners/{listener_id}/stream").update(
            parameters=[
                one
                for one in operation(new, "get", "/v1/listeners/{listener_id}/stream")["parameters"]
                if one["name"] != "year_from"
            ]
        ),
    ),
    (
        "query.n is required now",
        lambda new: operation(new, "get", "/v1/listeners/{listener_id}/stream")["parameters"][1].update(required=True),
    ),
]


@pytest.mark.parametrize(("said", "change"), BREAKS, ids=[said for said, _ in BREAKS])
def test_what_takes_something_away_is_told(said: str, change: Callable[[dict[str, Any]], Any]) -> None:
    old = openapi_document()
    new = copy.deepcopy(old)
    change(new)
    assert any(said in one for one in breaking(old, new)), breaking(old, new)


ADDITIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a path": lambda new: new["paths"].update({"/v1/new": new["paths"]["/v1/next"]}),
    "a field of a request": lambda new: fields(new, PLAYLIST).update(mood={"type": "string", "maxLength": 5}),
    "a field of an answer": lambda new: fields(new, "PlaylistAnswer").update(mood={"type": "string"}),
    "a value that is taken": lambda new: new["components"]["schemas"]["Choosing"]["enum"].append("lottery"),
    "a wider bound": lambda new: fields(new, PLAYLIST)["beam_width"].update(maximum=32, minimum=1),
    "any number for whole ones": lambda new: fields(new, PLAYLIST)["beam_width"].update(type="number"),
    "another error": lambda new: operation(new, "post", "/v1/next")["responses"].update({"418": {}}),
}


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS)
def test_additions_break_nobody(change: Callable[[dict[str, Any]], Any]) -> None:
    old = openapi_document()
    new = copy.deepcopy(old)
    change(new)
    assert new != old
    assert breaking(old, new) == []


def test_the_command_refuses_to_forget_what_callers_rely_on(tmp_path: Path) -> None:
    """And writes it when somebody means it."""
    promised = openapi_document()
    promised["paths"]["/v1/promised"] = promised["paths"]["/v1/next"]
    (tmp_path / "openapi.json").write_text(json.dumps(promised))
    refused = CliRunner().invoke(cli, ["docs", "--folder", str(tmp_path)])
    assert refused.exit_code != 0
    assert "/v1/promised" in (tmp_path / "openapi.json").read_text()
    assert CliRunner().invoke(cli, ["docs", "--folder", str(tmp_path), "--accept-breaking"]).exit_code == 0
    assert json.loads((tmp_path / "openapi.json").read_text()) == openapi_document()
