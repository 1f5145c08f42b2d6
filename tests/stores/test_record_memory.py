"""What one worker remembers of the records it wrote: never more than so many, and never anything but what is stored."""

from dataclasses import replace

import pytest
from hypothesis import given

from app.domain.session import ListenerSession, StampedHidden
from app.stores.record_memory import RecordMemory
from app.stores.session_record import decode, encode
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server, new_listener
from tests.stores.test_session_record import SESSIONS


def noted(memory: RecordMemory, listener_id: str) -> bytes:
    session = ListenerSession(listener_id, seq=1)
    record = encode(session)
    memory.note(session, record)
    return record


def test_who_was_heard_least_lately_makes_room() -> None:
    memory = RecordMemory(most=2)
    records = {name: noted(memory, name) for name in ("ann", "bob")}
    records["ann"] = noted(memory, "ann")
    records["cleo"] = noted(memory, "cleo")
    assert len(memory) == 2
    known = [name for name, record in records.items() if memory.session_of(name, record) is not None]
    assert known == ["ann", "cleo"]


def test_another_record_is_not_taken_for_the_one_written_last() -> None:
    memory = RecordMemory()
    older, newer = noted(memory, "ann"), noted(memory, "ann")
    assert memory.session_of("ann", older) is None
    assert memory.session_of("bob", newer) is None
    assert memory.session_of("ann", newer[:-1]) is None
    assert memory.session_of("ann", bytes([*newer])) == decode("ann", newer)
    memory.forget("ann")
    memory.forget("bob")
    assert memory.session_of("ann", newer) is None


@given(session=SESSIONS)
def test_it_returns_what_decoding_would(session: ListenerSession) -> None:
    memory, record = RecordMemory(), encode(session)
    memory.note(session, record)
    assert memory.session_of(session.listener_id, record) == decode(session.listener_id, record)


@pytest.mark.anyio
async def test_what_another_worker_wrote_is_read(embedded: Server) -> None:
    """Two stores, as two workers have them: each sees what the other commits, and what somebody deletes."""
    one = SessionStore.connect(embedded.url, ttl_s=60, timeout_s=5)
    other = SessionStore.connect(embedded.url, ttl_s=60, timeout_s=5)
    listener = new_listener()
    try:
        new = await one.load(listener)
        first = replace(new, seq=1, hidden=StampedHidden("one", b"first"))
        await one.commit(first, expected=new)
        assert await one.load(listener) is first
        assert await other.load(listener) == first
        second = replace(first, seq=2, hidden=StampedHidden("one", b"second"))
        await other.commit(second, expected=first)
        assert await one.load(listener) == second
        # The same position, another state: only the bytes tell.
        await other.commit(replace(second, hidden=StampedHidden("two", b"third")), expected=second)
        assert (await one.load(listener)).hidden == StampedHidden("two", b"third")
        await other.delete(listener)
        assert (await one.load(listener)).is_new
    finally:
        await one.aclose()
        await other.aclose()
