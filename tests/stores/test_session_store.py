"""The contract of the session store, held by every kind of server."""

import asyncio
import random
import time
from dataclasses import replace

import pytest

from app.domain.session import StampedHidden
from app.errors import SessionConflict
from app.stores.keys import session_key
from app.stores.session_record import encode
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server, after, committed, new_listener, until

pytestmark = pytest.mark.anyio


async def test_unknown_listener_is_new(store: SessionStore) -> None:
    session = await store.load(new_listener())
    assert session.is_new
    assert session.recent == ()


async def test_committed_session_is_loaded(store: SessionStore) -> None:
    listener = new_listener()
    session = await store.load(listener)
    later = after(session, "one").remembering(StampedHidden("checkpoint", bytes(range(256)) * 2))
    await store.commit(later, expected=session)
    assert await store.load(listener) == later


async def test_of_two_first_commits_one_wins(store: SessionStore) -> None:
    listener = new_listener()
    one, other = await store.load(listener), await store.load(listener)
    await store.commit(after(one, "one"), expected=one)
    with pytest.raises(SessionConflict, match="at seq 0"):
        await store.commit(after(other, "other"), expected=other)
    assert (await store.load(listener)).incarnation == one.incarnation


async def test_commit_from_an_older_session_is_refused(store: SessionStore) -> None:
    listener = new_listener()
    first = await committed(store, listener)
    await committed(store, listener)
    with pytest.raises(SessionConflict, match="at seq 1"):
        await store.commit(after(first, "late"), expected=first)
    assert (await store.load(listener)).seq == 2


async def test_of_many_commits_from_one_session_exactly_one_wins(store: SessionStore) -> None:
    listener = new_listener()
    session = await store.load(listener)
    for turn in range(5):
        rivals = [after(session, f"rival {number} of turn {turn}") for number in range(20)]
        results = await asyncio.gather(
            *(store.commit(rival, expected=session) for rival in rivals), return_exceptions=True
        )
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, SessionConflict) for result in results) == 19
        session = await store.load(listener)
        assert session == rivals[results.index(None)]


async def test_concurrent_walks_lose_no_event(store: SessionStore) -> None:
    """Forty walks of one listener, each taken again when it loses: forty events, in one order."""
    listener = new_listener()

    async def walk(number: int) -> None:
        while True:
            session = await store.load(listener)
            try:
                return await store.commit(after(session, f"event {number}"), expected=session)
            except SessionConflict:
                await asyncio.sleep(random.uniform(0, 0.01))

    await asyncio.gather(*(walk(number) for number in range(40)))
    session = await store.load(listener)
    assert session.seq == 40
    assert sorted(heard.track_id for heard in session.recent) == sorted(f"track event {n}" for n in range(40))


async def test_repeated_commit_whose_reply_was_lost_succeeds_once(store: SessionStore) -> None:
    listener = new_listener()
    session = await store.load(listener)
    later = after(session, "one")
    await store.commit(later, expected=session)
    await store.commit(later, expected=session)
    assert await store.load(listener) == later
    with pytest.raises(SessionConflict):
        await store.commit(replace(later, unread=1), expected=session)


async def test_refreshed_hidden_state_does_not_refuse_the_next_event(store: SessionStore) -> None:
    """The state is a cache: storing it anew under the same seq stands, and so does an event taken in meanwhile."""
    session = await committed(store, new_listener())
    refreshed = session.remembering(StampedHidden("another checkpoint", b"state"))
    await store.commit(refreshed, expected=session)
    assert await store.load(session.listener_id) == refreshed
    later = after(session, "two")
    await store.commit(later, expected=session)
    with pytest.raises(SessionConflict):
        await store.commit(refreshed, expected=session)
    assert await store.load(session.listener_id) == later


async def test_deleted_listener_is_gone(store: SessionStore) -> None:
    listener = new_listener()
    await committed(store, listener)
    assert await store.delete(listener) is True
    assert (await store.load(listener)).is_new
    assert await store.delete(listener) is False


async def test_commit_from_before_a_delete_is_refused(store: SessionStore) -> None:
    listener = new_listener()
    before = await committed(store, listener)
    await store.delete(listener)
    with pytest.raises(SessionConflict):
        await store.commit(after(before, "stale"), expected=before)
    assert (await store.load(listener)).is_new


async def test_commit_from_before_a_delete_is_refused_when_the_listener_came_back(store: SessionStore) -> None:
    """The same seq is stored again, of another incarnation."""
    listener = new_listener()
    before = await committed(store, listener, events=2)
    await store.delete(listener)
    back = await committed(store, listener, events=2)
    assert back.seq == before.seq
    with pytest.raises(SessionConflict):
        await store.commit(after(before, "stale"), expected=before)
    assert await store.load(listener) == back


async def test_session_expires_after_the_last_commit(store: SessionStore, server: Server) -> None:
    listener = new_listener()
    session = await committed(store, listener)
    key = session_key(listener)
    node = server.holder(key)
    node.expire(key, 5)
    await committed(store, listener)
    assert 590 < int(str(node.ttl(key))) <= 600

    session = await store.load(listener)
    node.pexpire(key, 1)
    until(lambda: not server.exists(key))
    with pytest.raises(SessionConflict):
        await store.commit(after(session, "too late"), expected=session)
    assert (await store.load(listener)).is_new


async def test_many_listeners_are_loaded_and_committed_in_order(store: SessionStore) -> None:
    listeners = [new_listener() for _ in range(64)]
    sessions = await store.load_many(listeners)
    assert [session.listener_id for session in sessions] == listeners
    later = [after(session, "one") for session in sessions]
    assert await store.commit_many([(new, old, ()) for new, old in zip(later, sessions, strict=True)]) == [True] * 64
    assert await store.load_many([*listeners, listeners[0]]) == [*later, later[0]]
    assert await store.load_many([]) == []
    assert await store.commit_many([]) == []


async def test_each_of_many_commits_wins_or_loses_alone(store: SessionStore) -> None:
    listeners = [new_listener() for _ in range(30)]
    sessions = await store.load_many(listeners)
    await store.commit_many([(after(session, "rival"), session, ()) for session in sessions[::3]])
    results = await store.commit_many([(after(session, "one"), session, ()) for session in sessions])
    assert results == [number % 3 != 0 for number in range(30)]


async def test_commits_of_one_listener_follow_each_other_in_a_batch(store: SessionStore) -> None:
    first = await store.load(new_listener())
    second = after(first, "one")
    third = after(second, "two")
    assert await store.commit_many([(second, first, ()), (third, second, ()), (third, first, ())]) == [True, True, True]
    assert await store.load(first.listener_id) == third


async def test_flushed_scripts_are_sent_again(store: SessionStore, server: Server) -> None:
    listeners = [new_listener() for _ in range(20)]
    sessions = await store.load_many(listeners)
    for node in server.nodes:
        node.script_flush()
    later = [after(session, "one") for session in sessions]
    assert all(await store.commit_many([(new, old, ()) for new, old in zip(later, sessions, strict=True)]))
    for node in server.nodes:
        node.script_flush()
    await store.commit(after(later[0], "two"), expected=later[0])
    assert (await store.load(listeners[0])).seq == 2


async def test_abandoned_calls_leave_no_reply_for_others(store: SessionStore) -> None:
    """Callers who leave in the middle must not shift the replies on a pooled connection."""
    listeners = [new_listener() for _ in range(40)]
    sessions = await store.load_many(listeners)
    await store.commit_many([(after(session, session.listener_id), session, ()) for session in sessions])
    draw = random.Random(3)

    async def look(number: int) -> None:
        batch = [listeners[(number + step) % 40] for step in range(draw.choice([1, 5]))]
        found = await store.load_many(batch)
        assert [session.recent[0].track_id for session in found] == [f"track {listener}" for listener in batch]

    for _ in range(15):
        tasks = [asyncio.create_task(look(number)) for number in range(20)]
        await asyncio.sleep(draw.uniform(0, 0.004))
        for task in tasks[::2]:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, asyncio.CancelledError)


async def test_more_callers_than_connections_wait_their_turn(store: SessionStore) -> None:
    listeners = [new_listener() for _ in range(300)]
    sessions = await asyncio.gather(*(store.load(listener) for listener in listeners))
    await asyncio.gather(*(store.commit(after(session, "one"), expected=session) for session in sessions))
    assert all(session.seq == 1 for session in await store.load_many(listeners))


async def test_ping_answers(store: SessionStore) -> None:
    await store.ping()


async def test_store_can_be_closed_and_used_again(store: SessionStore) -> None:
    session = await committed(store, new_listener())
    await store.aclose()
    assert await store.load(session.listener_id) == session


async def test_record_takes_little_memory(store: SessionStore, server: Server) -> None:
    """What the server spends on a listener beyond the record itself: key, expiry and the allocator's rounding."""
    session = await committed(store, new_listener(), events=50)
    key = session_key(session.listener_id)
    used: object = server.holder(key).memory_usage(key)
    assert isinstance(used, int)
    assert used - len(encode(session)) < 600


async def test_time_stands_in_the_record_to_the_millisecond(store: SessionStore) -> None:
    now = time.time()
    session = await store.load(new_listener())
    later = after(session, "one", at=now)
    await store.commit(later, expected=session)
    assert (await store.load(session.listener_id)).recent[0].at == round(now, 3)
