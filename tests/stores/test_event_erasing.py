"""Erasing: after a listener asked to be forgotten, no file says anything of them, wherever the collector was killed."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from app.formats.event_log import all_files, current_files
from app.stores import event_compaction, event_files
from app.stores.event_files import read_file
from app.stores.event_log import EventLog
from app.stores.event_streams import EventStreams
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server
from tests.stores.event_logs import collect, heard, play, rows

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(embedded: Server) -> AsyncIterator[SessionStore]:
    embedded.nodes[0].flushall()
    store = SessionStore.connect(embedded.url, ttl_s=600, timeout_s=5.0)
    yield store
    await store.aclose()


class Killed(BaseException):
    """What a kill looks like from inside: nothing after it happens."""


def killing(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, at_call: int, after: bool = False) -> None:
    """Let the process end at the n-th call of a function, before it does anything or after it did."""
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def call(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at_call and not after:
            raise Killed
        result = real(*given, **named)
        if calls == at_call:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, call)


async def three_files(store: SessionStore, url: str, folder: Path) -> None:
    """Three rounds, each with events of ann and of bob, and one of the device that becomes ann's."""
    for number in range(3):
        await play(store, "ann", f"event {number}")
        await play(store, "bob", f"event {number}")
        await play(store, "device", f"event {number}")
        await collect(url, folder)


def text(folder: Path) -> bytes:
    """Return everything that stands in the files, superseded ones included."""
    tables = [table for file in all_files(folder) for table in read_file(file.path)]
    return repr([table.to_pylist() for table in tables]).encode()


def left_aside(folder: Path) -> list[Path]:
    """Return the files that somebody was writing when they were killed."""
    return list(folder.glob("day=*/.aside-*"))


async def test_forgotten_listener_is_taken_out_of_every_file(
    store: SessionStore, embedded: Server, tmp_path: Path
) -> None:
    await three_files(store, embedded.url, tmp_path)
    await play(store, "ann", "last")
    await store.delete("ann")
    await play(store, "ann", "back")
    await collect(embedded.url, tmp_path)
    everything = [f"event {number}" for number in range(3)]
    assert heard(tmp_path) == {"ann": ["back"], "bob": everything, "device": everything}
    await store.delete("ann")
    await collect(embedded.url, tmp_path)
    assert b"ann" not in text(tmp_path)
    assert [row["kind"] for row in rows(tmp_path) if row["listener_id"] is None] == ["forgotten"] * 2


async def test_forgotten_with_the_listeners_merged_before(
    store: SessionStore, embedded: Server, tmp_path: Path
) -> None:
    """However late the mark of the merge is collected."""
    await three_files(store, embedded.url, tmp_path)
    await store.delete("device", merged_into="ann")
    await collect(embedded.url, tmp_path)
    await play(store, "device", "of somebody else")
    await store.delete("ann")
    await collect(embedded.url, tmp_path)
    assert heard(tmp_path) == {"bob": [f"event {number}" for number in range(3)], "device": ["of somebody else"]}
    assert b"ann" not in text(tmp_path)


# The mark's round rewrites three files and writes its own: calls 1 to 3 and 4.
MOMENTS = [
    *((event_files, "sync", call, after) for call in range(1, 8) for after in (False, True)),
    *((Path, "replace", call, after) for call in range(1, 5) for after in (False, True)),
    (EventStreams, "trim", 1, False),
    (EventLog, "commit", 1, False),
    (EventLog, "commit", 1, True),
]


@pytest.mark.parametrize(("owner", "name", "call", "after"), MOMENTS)
async def test_killed_while_erasing_it_is_erased_by_the_next(
    store: SessionStore,
    embedded: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    call: int,
    after: bool,
) -> None:
    await three_files(store, embedded.url, tmp_path)
    await store.delete("ann")
    await play(store, "ann", "back")
    await play(store, "bob", "last")
    with monkeypatch.context() as patched:
        killing(patched, owner, name, at_call=call, after=after)
        with pytest.raises(Killed):
            await collect(embedded.url, tmp_path)
    await collect(embedded.url, tmp_path)
    everything = [f"event {number}" for number in range(3)]
    assert heard(tmp_path) == {"ann": ["back"], "bob": [*everything, "last"], "device": everything}
    assert len(rows(tmp_path)) == 3 + 3 + 2 + 1
    assert left_aside(tmp_path) == []


async def test_superseded_files_go_at_once_when_somebody_is_forgotten(
    store: SessionStore, embedded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept a while for those who read them; not with a listener who asked to be forgotten."""
    monkeypatch.setattr(event_compaction, "MOST_FILES", 2)
    monkeypatch.setattr(event_compaction, "RUN", 2)
    await three_files(store, embedded.url, tmp_path)
    with EventLog(tmp_path) as events:
        events.compact()
    assert (len(all_files(tmp_path)), len(current_files(tmp_path))) == (4, 2)
    await store.delete("ann")
    await collect(embedded.url, tmp_path)
    assert b"ann" not in text(tmp_path)
    assert len(all_files(tmp_path)) == 3
