"""`segue collect`, as an operator runs it beside the service or out of cron."""

import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.commands import collecting as collecting_commands
from app.stores.embedded import EmbeddedServer
from app.stores.session_store import SessionStore
from tests.stores.event_logs import collecting, heard, play

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
cli = typer.Typer()
collecting_commands.register(cli)


@pytest.fixture
async def store(url: str) -> AsyncIterator[SessionStore]:
    store = SessionStore.connect(url, ttl_s=600, timeout_s=5.0)
    yield store
    await store.aclose()


def collect(
    *options: str, url: str | None, data_dir: Path | None = None, limit: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    if url is not None:
        environment["SEGUE_REDIS_URL"] = url
    if data_dir is not None:
        environment["SEGUE_DATA_DIR"] = str(data_dir)
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "collect", *options],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )


async def test_once_collects_what_waits_and_ends(url: str, store: SessionStore, tmp_path: Path) -> None:
    await play(store, "ann", "one", "two")
    for _ in range(2):
        done = collect("--once", "--out", str(tmp_path), url=url)
        assert done.returncode == 0, done.stderr
        assert heard(tmp_path) == {"ann": ["one", "two"]}


def test_where_the_events_are_must_be_said(tmp_path: Path) -> None:
    done = collect("--once", "--out", str(tmp_path), url=None, data_dir=tmp_path)
    assert done.returncode == 2
    assert "Expected a service that runs on" in done.stderr
    assert "SEGUE_REDIS_URL" in done.stderr


async def test_service_on_the_data_folder_is_found(tmp_path: Path) -> None:
    """As where the service was told to leave collecting to others."""
    with EmbeddedServer(tmp_path) as server:
        store = SessionStore.connect(server.url, ttl_s=600, timeout_s=5.0)
        await play(store, "ann", "one")
        await store.aclose()
        done = collect("--once", url=None, data_dir=tmp_path)
        assert done.returncode == 0, done.stderr
    assert heard(tmp_path / "events") == {"ann": ["one"]}


async def test_what_was_collected_is_shown_by_day(url: str, store: SessionStore, tmp_path: Path) -> None:
    assert "Nothing has been collected" in shown(tmp_path)
    await play(store, "shown", "one", "two")
    await store.delete("shown")
    async with collecting(url, tmp_path) as collector:
        await collector.drain()
    [line] = [line for line in shown(tmp_path).splitlines() if str(datetime.now(UTC).year) in line]
    assert line.replace("│", " ").split()[1:4] == ["1", "1", "1"]


def shown(folder: Path) -> str:
    result = CliRunner().invoke(cli, ["events", "show", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_redis_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = collect("--once", "--out", str(tmp_path), url="redis://127.0.0.1:1")
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


async def test_second_collector_is_told_of_the_first(url: str, tmp_path: Path) -> None:
    async with collecting(url, tmp_path):
        done = collect("--once", "--out", str(tmp_path), url=url)
    assert done.returncode == 2
    assert f"process {os.getpid()} collects events there" in done.stderr


async def test_disk_that_is_full_loses_nothing(url: str, store: SessionStore, tmp_path: Path) -> None:
    """The file breaks off in the middle: nothing of it stays, and everything waits in Redis."""
    await play(store, "full", *(f"event {number}" for number in range(50)))
    done = collect(
        *("--once", "--out", str(tmp_path)),
        url=url,
        limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("day=*/*")) == []  # noqa: ASYNC240
    done = collect("--once", "--out", str(tmp_path), url=url)
    assert done.returncode == 0, done.stderr
    assert len(heard(tmp_path)["full"]) == 50
