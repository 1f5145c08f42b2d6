"""A master dies under load: behind Sentinels, and in a cluster of six nodes. What is lost then is counted and told.

Replication is asynchronous: what the dead master acknowledged in its last moments may not have reached its replica.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from app.domain.session import ListenerSession
from app.errors import SessionStoreUnavailable
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.stores.session_store import SessionStore
from tests.e2e.service import Service
from tests.faults.conftest import RECOVERY_S
from tests.faults.judgement import judge
from tests.faults.load import Load, Report
from tests.faults.proxy import Proxy
from tests.faults.replicated import running_sentinels, running_six
from tests.stores.conftest import after, new_listener, until

# A busy machine starts a service in a minute.
pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(300), pytest.mark.anyio]


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


@pytest.fixture(params=[signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def end(request: pytest.FixtureRequest) -> signal.Signals:
    """How a master ends: its process is gone, or its machine answers no more and refuses nobody either."""
    return signal.Signals(request.param)


async def test_sentinels_replace_a_master_that_ends_under_load(
    models: CheckpointStore, predictor: Predictor, tmp_path: Path, publish: Callable[[str], None], end: signal.Signals
) -> None:
    """Callers go on as soon as the Sentinels have promoted the replica."""
    with running_sentinels(tmp_path) as group:
        with Service(models.root, tmp_path / "data", redis_url=group.url) as service:
            with Load(str(service.http.base_url), callers=4, name="behind sentinels", pause_s=0.01) as load:
                until(lambda: len(load.told.acknowledged) > 50, 30)
                group.master.signal(end)
                killed = time.monotonic()
                until(group.promoted, 30)
                promoted = time.monotonic()
                until(lambda: load.told.waited_after(promoted) is not None, RECOVERY_S)
                pause(1.0)
            told = load.told
            found = await judge(group.url, told.by_listener, predictor)
        waited = told.waited_after(killed)
        publish(
            f"Sentinels: {end.name} to the master under {len(told.acknowledged)} events of 4 callers; replica "
            f"promoted after {promoted - killed:.1f} s, next event acknowledged after {waited:.1f} s;\n"
            f"refused meanwhile: {dict(told.refusals)}; acknowledged and lost: {found.missing}, twice: {found.twice}"
        )
    assert told.wrong == []
    assert found.twice == 0
    assert found.not_the_replay == ()


async def test_what_the_replica_lags_behind_is_what_a_fail_over_loses(
    tmp_path: Path, publish: Callable[[str], None]
) -> None:
    """With 200 ms between master and replica, the events of about that time are lost, and none older."""
    with Proxy() as link, running_sentinels(tmp_path, link=link) as group:
        link.latency_s = 0.4  # there and back
        store = SessionStore.connect(group.url, ttl_s=600, timeout_s=1.0)
        acknowledged: dict[str, list[float]] = {new_listener(): [] for _ in range(4)}
        began = time.monotonic()
        tasks = [asyncio.create_task(keep_committing(store, *one)) for one in acknowledged.items()]
        await asyncio.sleep(2.0)
        group.master.signal(signal.SIGKILL)
        killed = time.monotonic()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(until, group.promoted, 30.0)
        kept = {listener: (await stored(store, listener)).seq for listener in acknowledged}
        await store.aclose()
    total = sum(map(len, acknowledged.values()))
    lost = [moment for listener, moments in acknowledged.items() for moment in moments[kept[listener] :]]
    publish(
        f"Replication 200 ms behind: {total} events acknowledged in {killed - began:.1f} s, then the master killed; "
        f"lost {len(lost)}, the oldest acknowledged {killed - min(lost):.2f} s before"
    )
    assert 0 < len(lost) < total / 2


async def keep_committing(store: SessionStore, listener: str, moments: list[float]) -> None:
    """Commit one event after the other until the master is gone; note when each was acknowledged."""
    session = await store.load(listener)
    with suppress(SessionStoreUnavailable):
        while True:
            later = after(session, f"event {session.seq}")
            await store.commit(later, expected=session)
            moments.append(time.monotonic())
            session = later


async def stored(store: SessionStore, listener: str) -> ListenerSession:
    """Return a session as soon as the store serves it again."""
    deadline = time.monotonic() + RECOVERY_S
    while True:
        try:
            return await store.load(listener)
        except SessionStoreUnavailable:
            assert time.monotonic() < deadline, "the store did not recover"


async def test_master_without_its_replica_may_refuse_events(tmp_path: Path) -> None:
    """`min-replicas-to-write 1`: a master cut off from its replica takes events for `min-replicas-max-lag` s only."""
    options = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "1")
    with running_sentinels(tmp_path, *options) as group:
        store = SessionStore.connect(group.url, ttl_s=600, timeout_s=2.0)
        moments: list[float] = []
        committing = asyncio.create_task(keep_committing(store, new_listener(), moments))
        await asyncio.to_thread(until, lambda: moments, 5.0)
        group.replica.signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(20):
                await committing
        finally:
            group.replica.signal(signal.SIGCONT)
        with pytest.raises(SessionStoreUnavailable, match="too few replicas"):
            await store.commit(after(ListenerSession("b"), "one"), expected=ListenerSession("b"))
        await store.aclose()


async def test_cluster_replaces_a_master_and_the_others_go_on(
    models: CheckpointStore, tmp_path: Path, publish: Callable[[str], None], end: signal.Signals
) -> None:
    """Listeners of the two other masters notice nothing; those of the dead one are served when its replica is."""
    with (
        running_six(tmp_path) as six,
        Service(models.root, tmp_path / "data", redis_url=six.url, remembered_event_ids="1000") as service,
    ):
        base = str(service.http.base_url)
        theirs, others = [six.listener_of(0) for _ in range(2)], [six.listener_of(1), six.listener_of(2)]
        with (
            Load(base, callers=2, name="dead", listeners=theirs) as hit,
            Load(base, callers=2, name="alive", listeners=others) as spared,
        ):
            until(lambda: min(len(hit.told.acknowledged), len(spared.told.acknowledged)) > 20, 30)
            six.masters[0].signal(end)
            killed = time.monotonic()
            until(lambda: str(six.replicas[0].nodes[0].role()[0]) == "b'master'", 30)
            promoted = time.monotonic()
            until(lambda: hit.told.waited_after(promoted) is not None, RECOVERY_S)
            pause(1.0)
        lost = [await lost_events(six.url, load.told.by_listener) for load in (hit, spared)]
        publish(
            f"Cluster: {end.name} to one of three masters; replica promoted after {promoted - killed:.1f} s, next "
            f"event of its listeners acknowledged after {hit.told.waited_after(killed):.1f} s;\n"
            f"its listeners: {len(hit.told.acknowledged)} events, refused meanwhile {dict(hit.told.refusals)}, "
            f"acknowledged and lost {lost[0]};\nthe others: {len(spared.told.acknowledged)} events, "
            f"refused {dict(spared.told.refusals)}, lost {lost[1]}"
        )
        answers = [service.http.post("/v1/next", json={"listener_id": one, "n": 1}) for one in (*theirs, *others)]
    assert [answer.json()["degraded"] for answer in answers] == [[]] * 4
    assert hit.told.wrong == spared.told.wrong == []
    assert spared.told.refusals == {}
    assert lost[1] == 0


async def lost_events(url: str, acknowledged: Mapping[str, Sequence[Report]]) -> int:
    """Count the events that the listeners' records do not hold; every event raised seq by one."""
    store = SessionStore.connect(url, ttl_s=600, timeout_s=5.0)
    kept = {listener: (await store.load(listener)).seq for listener in acknowledged}
    await store.aclose()
    return sum(len(reports) - kept[listener] for listener, reports in acknowledged.items())


async def test_slots_that_move_under_load_cost_no_event(
    models: CheckpointStore, tmp_path: Path, publish: Callable[[str], None]
) -> None:
    """MOVED, ASK and TRYAGAIN: a listener's slot goes to another master and back while four callers report of her."""
    with running_six(tmp_path) as six:
        listener = six.listener_of(0)
        with Service(models.root, tmp_path / "data", redis_url=six.url, remembered_event_ids="1000") as service:
            with Load(str(service.http.base_url), callers=4, name="moving", listeners=[listener] * 4) as load:
                until(lambda: len(load.told.acknowledged) > 20, 30)
                six.move(listener, giver=0, taker=1)
                moved = time.monotonic()
                until(lambda: load.told.waited_after(moved) is not None, RECOVERY_S)
                six.move(listener, giver=1, taker=0)
                pause(0.5)
            answer = service.http.get(f"/v1/listeners/{listener}")
    publish(
        f"Cluster: a slot moved twice under {len(load.told.acknowledged)} events of 4 callers; refused meanwhile: "
        f"{dict(load.told.refusals)}, lost {len(load.told.acknowledged) - answer.json()['seq']}"
    )
    assert load.told.wrong == []
    assert answer.json()["seq"] == len(load.told.acknowledged)
