"""Deleting only what is expected: as a merge takes its source away, on every kind of server."""

import pytest

from app.domain.session import ListenerSession
from app.errors import SessionConflict
from app.stores.keys import events_key, lane_of, session_key
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server, after, new_listener

pytestmark = pytest.mark.anyio


async def stored(store: SessionStore, *event_ids: str) -> ListenerSession:
    session = ListenerSession(new_listener())
    for event_id in event_ids:
        later = after(session, event_id)
        await store.commit(later, expected=session)
        session = later
    return session


def logged(server: Server, listener_id: str) -> int:
    key = events_key(lane_of(listener_id))
    return int(str(server.holder(key).xlen(key))) if server.exists(key) else 0


async def test_what_is_expected_is_deleted_and_the_mark_is_left(store: SessionStore, server: Server) -> None:
    session = await stored(store, "a")
    before = logged(server, session.listener_id)
    assert await store.delete(session.listener_id, expected=session, merged_into="bob")
    assert not server.exists(session_key(session.listener_id))
    assert logged(server, session.listener_id) == before + 1


async def test_what_has_changed_is_left_alone(store: SessionStore, server: Server) -> None:
    """Another seq, another incarnation, or gone by now: nothing is deleted and no mark is left."""
    session = await stored(store, "a", "b")
    one_before = after(ListenerSession(session.listener_id, incarnation=session.incarnation), "a")
    somebody_else = after(after(ListenerSession(session.listener_id), "a"), "b")
    before = logged(server, session.listener_id)
    for other in (one_before, somebody_else):
        with pytest.raises(SessionConflict, match=f"at seq {other.seq}"):
            await store.delete(session.listener_id, expected=other)
    assert await store.load(session.listener_id) == session
    assert logged(server, session.listener_id) == before
    await store.delete(session.listener_id, expected=session)
    with pytest.raises(SessionConflict):
        await store.delete(session.listener_id, expected=session)
    assert logged(server, session.listener_id) == before + 1
