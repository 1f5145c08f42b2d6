"""Collecting: what was written down in Redis is in the files, once, whatever happens on the way."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.errors import (
    DataFolderInUse,
    EventLogNotWritable,
    InvalidSetting,
    NewerLogEntry,
    SessionStoreUnavailable,
    UnreadableSource,
)
from app.formats.event_log import MANIFEST, all_files, current_files
from app.stores import collector as collecting_module
from app.stores import event_record
from app.stores.embedded import find_server
from app.stores.event_round import day_of
from app.stores.keys import LANES, events_key, lane_of
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server, new_listener, running
from tests.stores.event_logs import collect, collecting, heard, play, played, rows

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000


@pytest.fixture(params=["embedded", "cluster"])
def server(request: pytest.FixtureRequest) -> Server:
    """One server, or a cluster with lanes on each of its nodes, with nothing in them."""
    found: Server = request.getfixturevalue(request.param)
    for node in found.nodes:
        node.flushall()
    return found


def waiting(server: Server) -> int:
    """Return how many entries Redis holds."""
    keys = [events_key(lane) for lane in range(LANES)]
    return sum(int(str(server.holder(key).xlen(key))) for key in keys if server.exists(key))


async def test_every_event_is_in_the_files_in_its_listeners_order(
    store: SessionStore, server: Server, tmp_path: Path
) -> None:
    listeners = {new_listener(): [f"event {number}" for number in range(1 + place % 3)] for place in range(150)}
    for listener, events in listeners.items():
        await play(store, listener, *events)
    await collect(server.url, tmp_path)
    assert heard(tmp_path) == listeners
    assert waiting(server) == 0
    assert len({(row["lane"], row["logged_at"], row["logged_n"]) for row in rows(tmp_path)}) == 300


async def test_row_says_everything_that_was_written_down(store: SessionStore, server: Server, tmp_path: Path) -> None:
    session = await store.load("ann")
    later, entry = played(session, "one")
    await store.commit(later, expected=session, entries=[entry])
    await collect(server.url, tmp_path)
    [row] = rows(tmp_path)
    assert row["lane"] == lane_of("ann")
    assert (row["listener_id"], row["event_id"], row["track_id"]) == ("ann", "one", "track one")
    assert (row["kind"], row["outcome"], row["seq"]) == ("played", "applied", 1)
    assert (row["session_id"], row["checkpoint_id"]) == (later.session_id, "checkpoint")
    assert row["at"].timestamp() == entry.at
    assert row["received_at"].timestamp() == entry.received_at


async def test_what_is_collected_again_is_only_what_is_new(store: SessionStore, server: Server, tmp_path: Path) -> None:
    for number in range(5):
        await play(store, "ann", f"event {number}")
        await collect(server.url, tmp_path)
        await collect(server.url, tmp_path)
    assert heard(tmp_path) == {"ann": [f"event {number}" for number in range(5)]}
    assert len(current_files(tmp_path)) == 5


async def test_round_takes_a_bounded_number_and_says_that_more_is_waiting(
    store: SessionStore, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting_module, "LANE_ENTRIES", 7)
    await play(store, "ann", *(f"event {number}" for number in range(20)))
    async with collecting(server.url, tmp_path) as collector:
        assert [await collector.round() for _ in range(4)] == [True, True, False, False]
    assert heard(tmp_path) == {"ann": [f"event {number}" for number in range(20)]}


async def test_trim_that_did_not_happen_is_made_up_for(store: SessionStore, server: Server, tmp_path: Path) -> None:
    """Killed between commit and trim: what was committed is neither collected again nor left in Redis."""
    await play(store, "ann", "one", "two")
    key = events_key(lane_of("ann"))
    node: Any = server.holder(key)
    [(first, fields), _] = node.xrange(key)
    async with collecting(server.url, tmp_path) as collector:
        await collector.round()
    node.delete(key)
    node.xadd(key, fields, id=first)  # as it was before the trim
    await collect(server.url, tmp_path)
    assert heard(tmp_path) == {"ann": ["one", "two"]}


async def test_trimmed_entries_are_counted_as_lost(server: Server, tmp_path: Path) -> None:
    store = SessionStore.connect(server.url, ttl_s=600, timeout_s=5.0, waiting_events=100 * LANES)
    await play(store, "ann", "first")
    async with collecting(server.url, tmp_path) as collector:
        await collector.round()
        await play(store, "ann", *(f"event {number}" for number in range(500)))
        left = waiting(server)
        assert 100 <= left < 300
        with capture_logs() as said:
            await collector.drain()
        assert {"event": "events_lost", "entries": 500 - left}.items() <= said[0].items()
        assert said[-1]["lost"] == 500 - left
        with capture_logs() as said:
            await play(store, "ann", "last")
            await collector.drain()
        assert said[-1]["lost"] == 0
    assert len(heard(tmp_path)["ann"]) == 1 + left + 1
    await store.aclose()


async def test_redis_that_lacks_what_was_collected_is_read_anew(
    store: SessionStore, server: Server, tmp_path: Path
) -> None:
    """A replica that took over without the last entries, or a Redis set up anew: nothing twice, nothing left out."""
    for event_id in ("one", "two", "three"):
        await play(store, "ann", event_id)
        await asyncio.sleep(0.005)  # each in a millisecond of its own
    key = events_key(lane_of("ann"))
    node: Any = server.holder(key)
    entries = node.xrange(key)
    async with collecting(server.url, tmp_path) as collector:
        await collector.round()
        node.delete(key)
        for name, fields in entries[:2]:
            node.xadd(key, fields, id=name)
        _, other = played(await store.load("ann"), "other")
        # The new master's clock is behind: its entry is older than the last one collected.
        at_ms, _, number = entries[1][0].partition(b"-")
        node.xadd(key, {"e": event_record.encode(other)}, id=f"{int(at_ms)}-{int(number) + 1}")
        with capture_logs() as said:
            await collector.drain()
        assert said[0]["event"] == "event_log_went_back"
    assert heard(tmp_path)["ann"] == ["one", "two", "three", "other"]
    await collect(server.url, tmp_path)
    assert heard(tmp_path)["ann"] == ["one", "two", "three", "other"]


async def test_damaged_entry_is_left_out_and_said(
    store: SessionStore, server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await play(store, "ann", "one")
    key = events_key(lane_of("ann"))
    server.holder(key).xadd(key, {"e": b"junk"})
    server.holder(key).xadd(key, {"other": b"junk"})
    await play(store, "ann", "two")
    with caplog.at_level(logging.ERROR), capture_logs() as said:
        await collect(server.url, tmp_path)
    assert heard(tmp_path) == {"ann": ["one", "two"]}
    assert said[-1]["unreadable"] == 2
    assert "is left out" in caplog.text


async def test_entry_of_a_newer_segue_waits_for_a_newer_collector(
    store: SessionStore, server: Server, tmp_path: Path
) -> None:
    await play(store, "ann", "one")
    key = events_key(lane_of("ann"))
    server.holder(key).xadd(key, {"e": b"\x92\x02\x00"})
    with pytest.raises(NewerLogEntry):
        await collect(server.url, tmp_path)
    assert heard(tmp_path) == {}
    assert waiting(server) == 2


async def test_days_lie_in_folders_of_their_own(store: SessionStore, server: Server, tmp_path: Path) -> None:
    """Cut at midnight UTC of the time of logging, across all lanes."""
    midnight_ms = 1_700_006_400_000
    logged_ms = {
        "ann": [midnight_ms - 1, midnight_ms, midnight_ms + 1],
        "bob": [midnight_ms + DAY_MS],
        "cat": [midnight_ms - DAY_MS, midnight_ms - 1, midnight_ms + DAY_MS],
    }
    for listener, times in logged_ms.items():
        await play(store, listener, "one")
        key = events_key(lane_of(listener))
        node: Any = server.holder(key)
        [(_, fields)] = node.xrange(key)
        node.delete(key)
        for at_ms in times:
            node.xadd(key, fields, id=f"{at_ms}-0")
    await collect(server.url, tmp_path)
    files = current_files(tmp_path)
    assert [file.path.parent.name for file in files] == [f"day=2023-11-{day}" for day in (14, 15, 16)]
    found = [(row["logged_at"].timestamp() * 1000, row["listener_id"]) for row in rows(tmp_path)]
    assert sorted(found) == sorted((at_ms, name) for name, times in logged_ms.items() for at_ms in times)


async def test_value_of_another_type_stops_its_own_lane_only(
    store: SessionStore, server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await play(store, "ann", "one")
    key = events_key(lane_of("bob"))
    assert lane_of("bob") != lane_of("ann")
    await store.delete("bob")  # whose lane lies where the mark is now
    node = server.holder(key)
    node.delete(key)
    node.set(key, "no stream")
    await collect(server.url, tmp_path)
    assert heard(tmp_path) == {"ann": ["one"]}
    assert key.decode() in caplog.text


async def test_folder_belongs_to_one_collector(server: Server, tmp_path: Path) -> None:
    async with collecting(server.url, tmp_path):
        with pytest.raises(DataFolderInUse, match="collects events there"):
            await collect(server.url, tmp_path)
    await collect(server.url, tmp_path)


async def test_folder_of_something_else_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UnreadableSource, match=r"holiday\.jpg"):
        await collect(server.url, tmp_path)
    assert all_files(tmp_path) == []
    assert not (tmp_path / MANIFEST).exists()


async def test_folder_that_cannot_be_made_is_explained(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidSetting, match="folder to write events to"):
        await collect(server.url, tmp_path / "file" / "events")


async def test_file_that_cannot_be_written_leaves_everything_in_redis(
    store: SessionStore, server: Server, tmp_path: Path
) -> None:
    """A file lies where the day's folder is to be; once it is away, nothing is missing."""
    await play(store, "ann", "one", "two")
    key = events_key(lane_of("ann"))
    node: Any = server.holder(key)
    day = tmp_path / f"day={day_of(int(node.xrange(key)[0][0].partition(b'-')[0]))}"
    async with collecting(server.url, tmp_path) as collector:
        day.write_bytes(b"in the way")
        with pytest.raises(EventLogNotWritable, match="day="):
            await collector.round()
        assert waiting(server) == 2
        day.unlink()
        await collector.round()
    assert heard(tmp_path) == {"ann": ["one", "two"]}


async def test_redis_away_is_an_outage_and_passes(tmp_path: Path) -> None:
    with running(find_server(), tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always") as server:
        store = SessionStore.connect(server.url, ttl_s=600, timeout_s=2.0)
        port = int(server.url.rpartition(":")[2])
        await play(store, "ann", "one")
        async with collecting(server.url, tmp_path / "events") as collector:
            await collector.round()
            await play(store, "ann", "two")
            server.nodes[0].shutdown(nosave=True)
            with pytest.raises(SessionStoreUnavailable):
                await collector.round()
            again = ("--appendonly", "yes", "--appendfsync", "always")
            with running(find_server(), tmp_path / "redis", *again, port=port):
                await collector.drain()
        await store.aclose()
    assert heard(tmp_path / "events") == {"ann": ["one", "two"]}


@pytest.mark.parametrize("server", ["cluster"], indirect=True)
async def test_node_of_a_cluster_that_is_away_stops_its_own_lanes_only(
    store: SessionStore, server: Server, tmp_path: Path
) -> None:
    listeners = ("ann", "bob", "cat", "dan", "eve")
    for listener in listeners:
        await play(store, listener, "one")
    on_node = {name: server.nodes.index(server.holder(events_key(lane_of(name)))) for name in listeners}
    away = on_node["ann"]
    server.nodes[away].config_set("requirepass", "secret")
    try:
        async with collecting(server.url, tmp_path) as collector:
            await collector.round()
            assert set(heard(tmp_path)) == {name for name, node in on_node.items() if node != away}
    finally:
        server.nodes[away].config_set("requirepass", "")
    await collect(server.url, tmp_path)
    assert set(heard(tmp_path)) == set(listeners)
    assert len(all_files(tmp_path)) == 2
