"""What the looks at all listeners come to, on one server and on a cluster."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis.crc import key_slot

from app.domain.session import ListenerSession, StampedHidden
from app.stores.embedded import find_server
from app.stores.exchange import Exchange
from app.stores.keys import events_key, session_key
from app.stores.session_store import SessionStore
from app.stores.state_stats import LATER, NEVER, NO_STATE, look
from tests.stores.conftest import Server, after, new_listener, running, running_cluster
from tests.stores.test_session_record import GOLDEN_1, sealed

pytestmark = pytest.mark.anyio

LISTENERS = 60


@pytest.fixture(scope="module", params=["single", "cluster"])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Servers that no other test module writes to."""
    folder = tmp_path_factory.mktemp("stats")
    starting = running(find_server(), folder) if request.param == "single" else running_cluster(folder)
    with starting as server:
        yield server


@pytest.fixture
def own(started: Server) -> Server:
    """Servers that hold nothing but what the test put there."""
    for node in started.nodes:
        node.flushall()
    return started


async def commit_some(server: Server, ttl_s: int, checkpoint_id: str | None) -> None:
    store = SessionStore.connect(server.url, ttl_s=ttl_s, timeout_s=5.0)
    for _ in range(LISTENERS):
        listener = ListenerSession(new_listener())
        heard = after(listener, "one")
        if checkpoint_id is not None:
            heard = replace(heard, hidden=StampedHidden(checkpoint_id, b"1234"))
        await store.commit(heard, expected=listener)
    await store.aclose()


async def test_nothing_is_told_of_nothing(own: Server) -> None:
    exchange = Exchange.connect(own.url, timeout_s=5.0)
    found = await look(exchange, 10)
    assert (found.listeners, found.counted, found.sample) == (0, True, ())
    assert (found.event_log.entries, found.event_log.oldest_s) == (0, None)
    assert found.server_bytes(0.5) is None
    assert len(found.nodes) == len(own.nodes)
    await exchange.aclose()


async def test_listeners_are_counted_and_measured(own: Server) -> None:
    await commit_some(own, 1800, "old")
    await commit_some(own, 40 * 86400, "new")
    await commit_some(own, 1800, None)
    exchange = Exchange.connect(own.url, timeout_s=5.0)
    found = await look(exchange, 1000)
    assert (found.listeners, found.counted) == (3 * LISTENERS, True)
    assert found.states == {"old": LISTENERS, "new": LISTENERS, NO_STATE: LISTENERS}
    assert found.schemas == {"2": 3 * LISTENERS}
    assert found.expiries["1 hour"] == 2 * LISTENERS
    assert found.expiries[LATER] == LISTENERS
    half, most = found.server_bytes(0.5), found.server_bytes(1.0)
    assert half is not None
    assert most is not None
    assert max(one.record_bytes for one in found.sample) < half <= most < 1000
    assert found.event_log.entries == 0
    assert all(node.used_memory > 0 and node.limit is None for node in found.nodes)
    assert len((await look(exchange, 12)).sample) == 12
    await exchange.aclose()


async def test_what_waits_to_be_collected_is_told(own: Server) -> None:
    for lane, count in ((1, 2), (50, 5)):
        key = events_key(lane)
        for _ in range(count):
            own.nodes[key_slot(key) * len(own.nodes) // 16384].xadd(key, {"": b"entry"})
    exchange = Exchange.connect(own.url, timeout_s=5.0)
    log = (await look(exchange, 1)).event_log
    assert (log.entries, log.longest_lane) == (7, 5)
    assert log.oldest_s is not None
    assert log.oldest_s < 60
    await exchange.aclose()


async def test_records_of_every_age_are_told_apart(own: Server) -> None:
    newer = sealed(bytes([0x53, 9]) + bytes(16))
    for listener, record in (("ann", GOLDEN_1), ("bob", newer), ("cid", b"nonsense")):
        own.nodes[key_slot(session_key(listener)) * len(own.nodes) // 16384].set(session_key(listener), record)
    exchange = Exchange.connect(own.url, timeout_s=5.0)
    found = await look(exchange, 1000)
    assert found.schemas == {"1": 1, "newer": 1, "damaged": 1}
    assert found.expiries[NEVER] == 3
    await exchange.aclose()
