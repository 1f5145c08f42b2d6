"""What callers see over HTTP while the session store is ill, and that it passes by itself when the illness does.

One real service, whose road to its store and whose store the tests spoil.
"""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.stores.embedded import find_server
from app.stores.keys import session_key
from tests.faults.conftest import KEEPING, RECOVERY_S, Stage
from tests.faults.illnesses import ILLNESSES, Case, Illness
from tests.faults.load import Load
from tests.stores.conftest import Server, new_listener, running, until

pytestmark = pytest.mark.faults


# It has to be filled first, which takes its time.
LONG = {"LOADING"}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in ILLNESSES])
def illness(request: pytest.FixtureRequest) -> Illness:
    return ILLNESSES[request.param]


def test_illness_of_the_store_costs_nobody_an_answer(
    illness: Illness, stage: Stage, server: Server, tmp_path: Path
) -> None:
    """Next tracks: 200 from what the request carries. Events: 503 with Retry-After, applied once when they are sent
    again, without a restart of anything."""
    asker, teller, reader = (new_listener() for _ in range(3))
    for listener in (asker, teller, reader):
        assert stage.told(listener, "one", "t1")["seq"] == 1
    two = {"type": "played", "track_id": "t3", "event_id": "two"}
    with illness.during(Case(server, tmp_path / "server", stage.proxy)), ThreadPoolExecutor(3) as threads:
        asking = threads.submit(stage.ask, asker, event=two, recent=["t1", "t2"])
        telling = threads.submit(stage.tell, teller, "two", "t3")
        reading = threads.submit(stage.ask, reader)
        answer, refused, read = asking.result(), telling.result(), reading.result()
    ended = time.monotonic()

    assert answer.status_code == 200
    assert answer.json()["degraded"] == ["state_unavailable"]
    assert [receipt["outcome"] for receipt in answer.json()["events"]] == ["rejected"]
    carried = stage.service.next(recent=["t1", "t2", "t3"], n=3)
    assert ranked(answer) == [track["track_id"] for track in carried["tracks"]]

    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["code"] == "session_store_unavailable"
    assert illness.told in refused.json()["detail"]

    assert read.status_code == 200
    assert read.json()["degraded"] == ([] if illness.reads else ["state_unavailable"])

    for listener in (asker, teller):
        while stage.tell(listener, "two", "t3").status_code != httpx.codes.OK:
            assert time.monotonic() < ended + RECOVERY_S, "the service did not recover"
            time.sleep(0.02)
        remembered = stage.service.http.get(f"/v1/listeners/{listener}").json()
        assert remembered["seq"] == 2
        assert [heard["track_id"] for heard in remembered["recent"]] == ["t1", "t3"]
    assert stage.ask(reader).json()["degraded"] == []
    assert stage.store_state() == "up"


def test_server_that_is_restarted_under_load_loses_nothing(stage: Stage, server: Server, tmp_path: Path) -> None:
    """Killed and started again on its file, twice: connections and scripts are gone, listeners and events are not."""
    base = str(stage.service.http.base_url)
    with Load(base, callers=2, name=new_listener()) as load:
        until(lambda: len(load.told.acknowledged) > 5)
        server.signal(signal.SIGKILL)
        for _ in range(2):
            with running(find_server(), tmp_path / "server", *KEEPING) as again:
                stage.proxy.target = int(again.url.rpartition(":")[2])
                back = time.monotonic()
                until(lambda back=back: load.told.waited_after(back) is not None, RECOVERY_S)  # type: ignore[misc]
        with running(find_server(), tmp_path / "server", *KEEPING) as again:
            stage.proxy.target = int(again.url.rpartition(":")[2])
            load.finish()
            for listener, reports in load.told.by_listener.items():
                remembered = stage.service.http.get(f"/v1/listeners/{listener}").json()
                assert remembered["seq"] == len(reports)
    assert load.told.wrong == []


def test_scripts_that_are_flushed_under_load_are_noticed_by_nobody(stage: Stage, server: Server) -> None:
    with Load(str(stage.service.http.base_url), callers=2, name=new_listener()) as load:
        for _ in range(30):
            server.nodes[0].script_flush()
            flushed = time.monotonic()
            until(lambda flushed=flushed: load.told.waited_after(flushed) is not None)  # type: ignore[misc]
    assert load.told.refusals == {}
    assert load.told.wrong == []


def test_evicted_listeners_are_new_and_nobody_else_notices(stage: Stage, server: Server) -> None:
    """`allkeys-lru`: a full server makes room by forgetting whom it heard of longest ago."""
    used = int(server.nodes[0].info("memory")["used_memory"])
    server.nodes[0].config_set("maxmemory-policy", "allkeys-lru")
    server.nodes[0].config_set("maxmemory", used + 1_500_000)
    met: list[str] = []
    forgotten: list[str] = []
    while not forgotten:
        crowd = [new_listener() for _ in range(200)]
        events = [{"listener_id": one, "type": "played", "track_id": "t2"} for one in crowd]
        answer = stage.service.http.post("/v1/events", json={"events": events})
        assert answer.status_code == 200, answer.text
        met += crowd
        if int(server.nodes[0].info("stats")["evicted_keys"]):
            forgotten = [one for one in met if not server.exists(session_key(one))]
    assert stage.service.http.get(f"/v1/listeners/{forgotten[0]}").status_code == 404
    event = {"type": "played", "track_id": "t3", "event_id": "two"}
    again = stage.ask(forgotten[0], event=event).json()
    assert (again["seq"], again["degraded"]) == (1, [])


@pytest.mark.parametrize("harm", ["cut short", "a bit flipped", "another type"])
def test_record_that_cannot_be_read_costs_its_listener_the_past_only(stage: Stage, server: Server, harm: str) -> None:
    listener, other = new_listener(), new_listener()
    for one in (listener, other):
        stage.told(one, "one")
    key = session_key(listener)
    record = bytes(server.nodes[0].get(key))  # type: ignore[arg-type]
    server.nodes[0].delete(key)
    if harm == "another type":
        server.nodes[0].rpush(key, "no record")
    else:
        server.nodes[0].set(key, record[:-9] if harm == "cut short" else record[:30] + b"?" + record[31:])
    answer = stage.ask(listener, event={"type": "played", "track_id": "t3", "event_id": "two"})
    assert answer.status_code == 200
    assert (answer.json()["seq"], answer.json()["degraded"]) == (1, [])
    assert stage.told(other, "two")["seq"] == 2


def ranked(response: httpx.Response) -> list[str]:
    return [track["track_id"] for track in response.json()["tracks"]]
