"""`segue state stats` over a real server, found by its URL or by the data folder of the service that started it."""

import json
from pathlib import Path

import pytest
import typer
from redis import Redis
from typer.testing import CliRunner

from app.commands import state
from app.domain.session import ListenerSession, StampedHidden
from app.errors import SessionStoreUnavailable
from app.stores.embedded import EmbeddedServer
from app.stores.keys import session_key
from app.stores.session_record import encode

cli = typer.Typer()
state.register(cli)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEGUE_MODEL_STORE", str(tmp_path / "model_store"))
    monkeypatch.delenv("SEGUE_REDIS_URL", raising=False)
    return tmp_path / "data"


def stats(*options: str) -> str:
    result = CliRunner().invoke(cli, ["state", "stats", *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_store_of_the_service_on_this_data_folder_is_found(here: Path) -> None:
    with EmbeddedServer(here) as server, Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
        assert "none yet" in stats()
        session = ListenerSession("ann", seq=1, hidden=StampedHidden("one", b"1234"))
        client.set(session_key("ann"), encode(session), ex=60)
        told = json.loads(stats("--json"))
        assert told["listeners"] == told["measured"] == 1
        assert told["listeners_are"] == "counted"
        assert told["states"] == {"one": 1}
        assert told["schemas"] == {"2": 1}
        assert told["expire_within"]["1 hour"] == 1
        assert told["bytes_per_listener"]["record_mean"] == len(encode(session))
        assert told["bytes_per_listener"]["p99"] > len(encode(session))
        page = stats()
    assert "1, counted; 1 of them measured" in page
    assert "no maxmemory" in page


def test_no_service_is_said_in_one_sentence(here: Path) -> None:
    with pytest.raises(SessionStoreUnavailable, match="found none"):
        stats()
    with EmbeddedServer(here):
        pass
    with pytest.raises(SessionStoreUnavailable, match="found none"):
        stats()


def test_store_of_a_long_path_is_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket lies elsewhere: a path of more than about a hundred bytes is none for a socket."""
    data = here.parent / ("long" * 40)
    monkeypatch.setenv("SEGUE_DATA_DIR", str(data))
    with EmbeddedServer(data):
        assert "none yet" in stats()
