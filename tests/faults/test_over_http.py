"""What callers see over HTTP while the session store is ill, and that it passes by itself when the illness does.

One real service, whose road to its store and whose store the tests spoil.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.faults.conftest import RECOVERY_S, Stage
from tests.faults.illnesses import ILLNESSES, Case, Illness
from tests.stores.conftest import Server, new_listener

pytestmark = pytest.mark.faults


@pytest.fixture(params=ILLNESSES)
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


def ranked(response: httpx.Response) -> list[str]:
    return [track["track_id"] for track in response.json()["tracks"]]
