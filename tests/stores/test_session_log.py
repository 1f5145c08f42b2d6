"""The event log's end at the session store: what is committed is written down, once, in the same step or not at all."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.event_log import Forgotten, LogEntry, Merged
from app.errors import SessionConflict, SessionStoreUnavailable
from app.stores import event_record
from app.stores.embedded import find_server
from app.stores.keys import LANES, events_key, lane_of
from app.stores.session_store import SessionStore
from tests.stores.conftest import START, Server, committed, new_listener, running
from tests.stores.event_logs import played

pytestmark = pytest.mark.anyio


def written(server: Server, listener_id: str) -> list[event_record.Written]:
    """Return what the log of a listener's lane holds of this listener."""
    key = events_key(lane_of(listener_id))
    if not server.exists(key):
        return []
    stream: Any = server.holder(key).xrange(key)
    found = [event_record.decode(fields[b"e"]) for _, fields in stream]
    mark = Forgotten.listener(listener_id)
    return [one for one in found if one == mark or (not isinstance(one, Forgotten) and one.listener_id == listener_id)]


async def test_commit_writes_its_entries_down(store: SessionStore, server: Server) -> None:
    session = await store.load(new_listener())
    later, one = played(session, "one")
    latest, two = played(later, "two")
    await store.commit(latest, expected=session, entries=[one, two])
    assert written(server, session.listener_id) == [one, two]
    assert one.received_at == START + 1
    assert (one.seq, two.seq) == (1, 2)


async def test_commit_that_loses_writes_nothing_down(store: SessionStore, server: Server) -> None:
    session = await store.load(new_listener())
    rivals = [played(session, f"rival {number}") for number in range(20)]
    results = await asyncio.gather(
        *(store.commit(rival, expected=session, entries=[entry]) for rival, entry in rivals), return_exceptions=True
    )
    assert sum(isinstance(result, SessionConflict) for result in results) == 19
    assert written(server, session.listener_id) == [rivals[results.index(None)][1]]


async def test_repeated_commit_whose_reply_was_lost_is_written_down_once(store: SessionStore, server: Server) -> None:
    session = await store.load(new_listener())
    later, entry = played(session, "one")
    for _ in range(3):
        await store.commit(later, expected=session, entries=[entry])
    assert written(server, session.listener_id) == [entry]
    with pytest.raises(SessionConflict):
        await store.commit(replace(later, unread=1), expected=session, entries=[entry])
    assert written(server, session.listener_id) == [entry]


async def test_each_of_many_commits_is_written_down_alone(store: SessionStore, server: Server) -> None:
    sessions = await store.load_many([new_listener() for _ in range(100)])
    for session in sessions[::3]:
        rival, entry = played(session, "rival")
        await store.commit(rival, expected=session, entries=[entry])
    ours = [played(session, "ours") for session in sessions]
    commits = [(later, session, [entry]) for session, (later, entry) in zip(sessions, ours, strict=True)]
    assert await store.commit_many(commits) == [number % 3 != 0 for number in range(100)]
    for number, session in enumerate(sessions):
        [found] = written(server, session.listener_id)
        assert isinstance(found, LogEntry)
        assert found.event_id == ("ours" if number % 3 else "rival")


async def test_thousand_events_are_one_commit(store: SessionStore, server: Server) -> None:
    session = first = await store.load(new_listener())
    entries = []
    for number in range(1000):
        session, entry = played(session, f"event {number}", START + number / 1000)
        entries.append(entry)
    await store.commit(session, expected=first, entries=entries)
    assert written(server, session.listener_id) == entries


async def test_deleted_listener_is_marked_forgotten(store: SessionStore, server: Server) -> None:
    """Also one of whom nothing is stored any more: the log may know the listener for longer."""
    listener = new_listener()
    await committed(store, listener)
    assert await store.delete(listener) is True
    assert await store.delete(listener) is False
    mark = Forgotten.listener(listener)
    assert written(server, listener) == [mark, mark]
    assert listener.encode() not in event_record.encode(mark)


async def test_merged_listener_is_marked(store: SessionStore, server: Server) -> None:
    listener = new_listener()
    await committed(store, listener)
    assert await store.delete(listener, merged_into="ann") is True
    assert (await store.load(listener)).is_new
    assert written(server, listener) == [Merged(listener, "ann")]


async def test_log_is_bounded(server: Server) -> None:
    """The oldest make room, a hundred at a time at most."""
    store = SessionStore.connect(server.url, ttl_s=600, timeout_s=5.0, waiting_events=200 * LANES)
    session = await store.load(new_listener())
    for number in range(10):
        latest, entries = session, []
        for place in range(100):
            latest, entry = played(latest, f"event {number} {place}")
            entries.append(entry)
        await store.commit(latest, expected=session, entries=entries)
        session = latest
    await store.aclose()
    key = events_key(lane_of(session.listener_id))
    assert 200 <= server.holder(key).xlen(key) <= 301


async def test_server_that_refuses_writes_stores_neither_half(tmp_path: Path) -> None:
    with running(find_server(), tmp_path) as server:
        store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
        session = await store.load("ann")
        first, entry = played(session, "one")
        await store.commit(first, expected=session, entries=[entry])
        later, second = played(first, "two")
        [node] = server.nodes
        for refuse, allow in (
            (lambda: node.config_set("maxmemory", 1), lambda: node.config_set("maxmemory", 0)),
            (lambda: node.replicaof("127.0.0.1", 1), lambda: node.replicaof("NO", "ONE")),
        ):
            refuse()
            with pytest.raises(SessionStoreUnavailable):
                await store.commit(later, expected=first, entries=[second])
            with pytest.raises(SessionStoreUnavailable):
                await store.delete("ann")
            assert await store.load("ann") == first
            allow()
            assert written(server, "ann") == [entry]
        await store.commit(later, expected=first, entries=[second])
        assert written(server, "ann") == [entry, second]
        await store.aclose()


async def test_value_of_another_type_in_place_of_the_log_is_said(tmp_path: Path) -> None:
    """Nothing is taken in that could not be written down; the message names the key."""
    with running(find_server(), tmp_path) as server:
        store = SessionStore.connect(server.url, ttl_s=60, timeout_s=2.0)
        session = await store.load("ann")
        later, entry = played(session, "one")
        server.nodes[0].set(events_key(lane_of("ann")), "not a stream")
        with pytest.raises(SessionStoreUnavailable, match=r"segue:2:\{51\}:events"):
            await store.commit(later, expected=session, entries=[entry])
        with pytest.raises(SessionStoreUnavailable, match=r"segue:2:\{51\}:events"):
            await store.delete("ann")
        assert (await store.load("ann")).is_new
        server.nodes[0].delete(events_key(lane_of("ann")))
        await store.commit(later, expected=session, entries=[entry])
        await store.aclose()
