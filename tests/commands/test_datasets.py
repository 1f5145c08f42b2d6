"""`segue import` as a person meets it: a summary, or one sentence and exit code 2."""

import gzip
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.commands.datasets import columns_of, register
from app.errors import InvalidRequest, UnreadableSource

CSV = "session_id,artist,title\n1,Can,Halleluwah\n1,Can,Mushroom\n2,[red],x\n2\n"


cli = typer.Typer()
register(cli)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    path.write_text(CSV)
    return path


def test_the_summary_says_what_came_in_and_what_was_left_out(history: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["import", str(history), "--out", str(tmp_path / "d")])
    assert result.exit_code == 0, result.output
    words = result.output.split()
    assert "history.csv, line 5: expected 3 columns, got 1" in result.output
    assert "session of fewer than 2 events" in result.output
    assert words[words.index("sessions") + 1] == "1"
    assert words[words.index("tracks") + 1] == "2"
    shown = CliRunner().invoke(cli, ["dataset", "show", str(tmp_path / "d")])
    assert shown.exit_code == 0
    assert "Fingerprint" in shown.output


def test_columns_and_rules_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Wer;Wann;Lied\nann;100;x\nann;190;y\nann;900;z\nann;950;x\n")
    options = ["--column", "listener_id=Wer", "--column", "time=Wann", "--column", "title=Lied", "--idle-gap", "2"]
    result = CliRunner().invoke(cli, ["import", str(tmp_path / "a.csv"), "-o", str(tmp_path / "d"), *options])
    assert result.exit_code == 0, result.output
    assert "sessions          2" in result.output


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", b"foo,bar\n1,2\n", "a track_id or title column"),
        ("a.csv", b"", "empty"),
        ("a.csv", bytes(range(256)), "binary"),
        ("a.csv.gz", gzip.compress(CSV.encode() * 99, mtime=0)[:-9], "cut short"),
        ("a.csv", b"session_id,title\n", "found no event"),
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_is_made(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = CliRunner().invoke(cli, ["import", str(tmp_path / name), "--out", str(tmp_path / "d")])
    assert isinstance(result.exception, UnreadableSource)
    assert complaint in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_missing_out_is_a_usage_error(history: Path) -> None:
    assert CliRunner().invoke(cli, ["import", str(history)]).exit_code == 2


def test_column_options_are_checked() -> None:
    assert columns_of(["session_id=a", "artist=b=c"]) == {"session": "a", "artist": "b=c"}
    with pytest.raises(InvalidRequest, match="FIELD=COLUMN"):
        columns_of(["artist"])
