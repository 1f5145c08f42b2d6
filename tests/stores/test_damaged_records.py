"""Records no one can read: kept aside, and the listener served anyway. On every kind of server."""

import asyncio
import zlib
from collections.abc import Sequence

import pytest

from app.domain.session import ListenerSession
from app.errors import NewerSessionRecord, SessionConflict
from app.stores.keys import DAMAGED_TTL_S, damaged_key, session_key
from app.stores.session_record import SCHEMA, encode
from app.stores.session_store import SessionStore
from tests.stores.conftest import Server, after, committed, new_listener

pytestmark = pytest.mark.anyio


async def damage(server: Server, listener_id: str, data: bytes) -> None:
    key = session_key(listener_id)
    server.holder(key).set(key, data)


def spoiled(record: bytes) -> Sequence[bytes]:
    flipped = bytearray(record)
    flipped[40] ^= 0x10
    return [b"", record[:10], record[:-1], bytes(flipped), b"\x00" * 100, record + b"more"]


@pytest.mark.parametrize(
    "listener_id",
    ["{", "}", "{}", "a}b{c", "%7B", "ann\r\nDEL ann", "Zoë 🎧", "\ud800", "x" * 256],
    ids=["brace", "closing", "pair", "crossed", "percent", "lines", "unicode", "surrogate", "long"],
)
async def test_any_listener_id_is_kept_and_repaired(store: SessionStore, server: Server, listener_id: str) -> None:
    await store.delete(listener_id)
    session = await committed(store, listener_id)
    assert await store.load(listener_id) == session
    await damage(server, listener_id, b"junk")
    assert (await store.load(listener_id)).is_new
    assert await store.delete(listener_id)


@pytest.mark.parametrize("kind", range(6), ids=["empty", "header", "cut", "flipped", "zeros", "longer"])
async def test_damaged_record_is_kept_aside_and_the_listener_served(
    store: SessionStore, server: Server, kind: int, caplog: pytest.LogCaptureFixture
) -> None:
    listener = new_listener()
    session = await committed(store, listener)
    data = spoiled(encode(session))[kind]
    await damage(server, listener, data)
    fresh = await store.load(listener)
    assert fresh.is_new
    assert store.damaged_records == 1
    assert "cannot be read" in caplog.text

    aside = damaged_key(listener)
    node = server.holder(aside)
    assert node.get(aside) == data
    assert 0 < int(str(node.ttl(aside))) <= DAMAGED_TTL_S

    await store.commit(after(fresh, "anew"), expected=fresh)
    assert (await store.load(listener)).seq == 1
    assert store.damaged_records == 1
    await store.delete(listener)
    assert not server.exists(aside)


async def test_value_of_another_type_is_kept_aside(store: SessionStore, server: Server) -> None:
    listener = new_listener()
    session = await committed(store, listener)
    key = session_key(listener)
    node = server.holder(key)
    node.delete(key)
    node.rpush(key, "not", "ours")
    with pytest.raises(SessionConflict):
        await store.commit(after(session, "two"), expected=session)
    fresh, other = await store.load_many([listener, new_listener()])
    assert fresh.is_new
    assert other.is_new
    assert node.lrange(damaged_key(listener), 0, -1) == [b"not", b"ours"]
    await store.commit(after(fresh, "anew"), expected=fresh)


async def test_damage_repaired_by_somebody_else_is_not_set_aside(store: SessionStore, server: Server) -> None:
    """Of two who meet the same damage one sets it aside; the other does not take away what came after."""
    listener = new_listener()
    await committed(store, listener)
    await damage(server, listener, b"junk")
    fresh, also = await asyncio.gather(store.load(listener), store.load(listener))
    await store.commit(after(fresh, "one"), expected=fresh)
    with pytest.raises(SessionConflict):
        await store.commit(after(also, "other"), expected=also)
    assert (await store.load(listener)).seq == 1


async def test_record_of_a_newer_segue_is_left_alone(store: SessionStore, server: Server) -> None:
    listener = new_listener()
    record = bytearray(encode(await committed(store, listener)))
    record[1] = SCHEMA + 1
    newer = resealed(bytes(record))
    await damage(server, listener, newer)
    with pytest.raises(NewerSessionRecord, match="newer Segue"):
        await store.load(listener)
    fresh = ListenerSession(listener)
    with pytest.raises(SessionConflict):
        await store.commit(after(fresh, "one"), expected=fresh)
    key = session_key(listener)
    assert server.holder(key).get(key) == newer


def resealed(record: bytes) -> bytes:
    return record[:-4] + zlib.crc32(record[:-4]).to_bytes(4, "big")
