"""`segue keys`, as a person types it."""

import json
import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from app.cli import cli
from app.commands.processes import check_door
from app.errors import InvalidRequest, InvalidSetting
from app.settings import Settings


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    return tmp_path


def keys(*words: str) -> Result:
    result = CliRunner().invoke(cli, ["keys", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_secret_alone_is_on_standard_output(data_dir: Path) -> None:
    """For KEY=$(segue keys create …), and shown this once."""
    made = keys("create", "radio", "--scope", "events", "--scope", "recommend", "--expires", "90d")
    assert re.fullmatch(r"segue_[0-9a-f]{8}_[\w-]{43}\n", made.stdout)
    assert "shown this once" in made.stderr
    secret = made.stdout.strip()[15:]
    assert secret not in keys("list").stdout + keys("list", "--json").stdout + (data_dir / "api_keys.json").read_text()


def test_the_list_says_what_each_is_for() -> None:
    keys("create", "radio", "--scope", "recommend", "--scope", "events")
    keys("create", "prometheus")
    radio, prometheus = json.loads(keys("list", "--json").stdout)
    assert (radio["name"], radio["scopes"], radio["state"]) == ("radio", ["events", "recommend"], "live")
    assert (prometheus["scopes"], prometheus["expires"], prometheus["last_used"]) == ([], None, None)
    assert radio["id"] in keys("list").stdout


def test_a_key_is_rotated() -> None:
    """Two of a name are live at once; a third only after one was revoked."""
    for _ in range(2):
        keys("create", "radio")
    first, _ = json.loads(keys("list", "--json").stdout)
    with pytest.raises(InvalidRequest, match=first["id"]):
        keys("create", "radio")
    assert "within a second" in keys("revoke", first["id"]).stdout
    keys("create", "radio")
    states = [key["state"] for key in json.loads(keys("list", "--json").stdout)]
    assert states == ["revoked", "live", "live"]


@pytest.mark.parametrize(
    "words", [["create", "a", "--scope", "root"], ["create", "a", "--expires", "soon"], ["revoke", "00000000"]]
)
def test_what_makes_no_sense_is_refused(words: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="Expected"):
        keys(*words)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "segue.example.org"])
def test_a_service_on_the_network_needs_a_key(host: str) -> None:
    """One sentence says what to do; the risk can be accepted, and is then told at each start."""
    with pytest.raises(InvalidSetting, match="segue keys create"):
        check_door(Settings(host=host))
    with pytest.raises(InvalidSetting, match="listening"):
        check_door(Settings(admin_host=host, admin_port=9000))
    with capture_logs() as logged:
        check_door(Settings(host=host, open_without_keys=True))
    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("open_to_the_network", "warning")]
    keys("create", "radio")
    check_door(Settings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_a_service_on_loopback_needs_none_and_says_so(host: str) -> None:
    with capture_logs() as logged:
        check_door(Settings(host=host))
    assert [entry["event"] for entry in logged] == ["answering_this_machine_only"]
