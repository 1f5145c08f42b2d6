"""What the tests of training runs share: listeners who play, a recipe learned in a second, one that takes for ever."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.service import Service

RUNS = "/v1/admin/training-runs"
PATIENCE_S = 100.0
# What tests wait for gives way to nothing: beside other tests little would be left for it.
QUICKLY: dict[str, Any] = {"run_worker": "true", "collect_interval_s": "0.2", "training_niceness": "0"}
SESSION = [f"t{row}" for row in range(6)]


def recipes(data_dir: Path) -> None:
    """Write two recipes of one's own: `tiny`, and `endless` with more epochs than anybody waits for."""
    folder = data_dir / "recipes"
    folder.mkdir(parents=True)
    small = "hidden_size = 8\nembedding_size = 8\n"
    (folder / "tiny.toml").write_text(f"{small}epochs = 2\n", encoding="utf-8")
    (folder / "endless.toml").write_text(f"{small}epochs = 1000000\npatience = 1000000\n", encoding="utf-8")


def heard(service: Service, listeners: int, *, name: str = "listener") -> None:
    """Let listeners play six tracks each, in an order that can be learned."""
    events = [
        {"listener_id": f"{name} {number}", "type": "played", "track_id": track, "event_id": f"{name} {number} {track}"}
        for number in range(listeners)
        for track in SESSION
    ]
    for start in range(0, len(events), 600):
        answer = service.http.post("/v1/events", json={"events": events[start : start + 600]})
        assert answer.status_code == httpx.codes.OK, answer.text
        assert {event["outcome"] for event in answer.json()["events"]} == {"applied"}


def begin(service: Service, **ask: Any) -> str:
    """Ask for a run and return its id."""
    answer = service.http.post(RUNS, json=ask)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    run_id: str = answer.json()["id"]
    assert answer.headers["location"] == f"{RUNS}/{run_id}"
    return run_id


def show(service: Service, run_id: str) -> dict[str, Any]:
    """Return how a run stands."""
    run: dict[str, Any] = service.http.get(f"{RUNS}/{run_id}").json()
    return run


def until(
    service: Service, run_id: str, *, epoch: int = 0, attempts: int = 1, state: str = "running"
) -> dict[str, Any]:
    """Wait until a run has come so far."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        run = show(service, run_id)
        reached = (run["progress"] or {}).get("epoch") or 0
        if run["state"] == state and run["attempts"] >= attempts and reached >= epoch:
            return run
        assert time.monotonic() < deadline, f"{run}\n{service.http.get(f'{RUNS}/{run_id}/log').text}\n{service.log}"
        time.sleep(0.1)


def events_of(service: Service, run_id: str, last_event_id: str = "") -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Follow a run: the name, id and run of each event."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    with service.http.stream("GET", f"{RUNS}/{run_id}/events", headers=headers, timeout=PATIENCE_S) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            fields[name] = value
            if name == "data":
                yield fields["event"], int(fields["id"]), json.loads(value)


def carrier_of(service: Service, run_id: str) -> int:
    """Return the process that carries a run out, as its log names it."""
    lines = service.http.get(f"{RUNS}/{run_id}/log").text.splitlines()
    return int([line for line in lines if " begun by " in line][-1].rpartition(" ")[2].split(":")[1])
