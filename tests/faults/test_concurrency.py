"""Two hundred events for one listener at once, over four workers: none lost, in one order, and a state that fits."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.stores.session_store import SessionStore
from tests.e2e.service import Service
from tests.faults.judgement import replayed
from tests.stores.conftest import Server

# A busy machine starts a service in a minute.
pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(300), pytest.mark.anyio]

EVENTS = 200
WORKERS = 4


async def test_two_hundred_events_at_once_are_all_read_in_one_order(
    server: Server, models: CheckpointStore, predictor: Predictor, tmp_path: Path
) -> None:
    """Over a connection each, so that every worker gets some, by either door."""
    room = {"recent_tracks": str(2 * EVENTS), "remembered_event_ids": str(2 * EVENTS)}
    with Service(models.root, tmp_path / "data", workers=WORKERS, redis_url=server.url, **room) as service:
        base = str(service.http.base_url)

        def report(number: int) -> int:
            event = {"event_id": str(number), "type": "played", "track_id": f"t{number % 58}"}
            if number % 2:
                body: dict[str, object] = {"listener_id": "ann", "event": event, "n": 1}
                response = httpx.post(f"{base}/v1/next", json=body, timeout=60)
            else:
                body = {"events": [{"listener_id": "ann", **event}]}
                response = httpx.post(f"{base}/v1/events", json=body, timeout=60)
            assert response.status_code == httpx.codes.OK, response.text
            [receipt] = response.json()["events"]
            assert receipt["outcome"] == "applied"
            return int(receipt["seq"])

        with ThreadPoolExecutor(50) as threads:
            seqs = list(threads.map(report, range(EVENTS)))
        # An event may have been kept without being read, when others were faster too often: this reads it.
        service.next("ann", n=1)

    assert sorted(seqs) == list(range(1, EVENTS + 1))
    store = SessionStore.connect(server.url, ttl_s=600, timeout_s=5.0)
    session = await store.load("ann")
    await store.aclose()
    assert session.seq == EVENTS
    in_order = [f"t{number % 58}" for _, number in sorted(zip(seqs, range(EVENTS), strict=True))]
    assert [heard.track_id for heard in session.recent] == in_order
    assert session.hidden is not None
    assert session.unread == 0
    assert session.hidden.data == replayed(session, predictor)
