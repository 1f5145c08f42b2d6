"""What a swap costs whoever listens: answers before, during and after stable becomes another checkpoint.

    python -m benchmarks.swap --listeners 100000 --rate 200 --check 3

Every listener in the session store carries a hidden state of the first checkpoint; under the second each is replayed at
its next event. Requests come at fixed times, from listeners drawn evenly, so nearly each of them after the swap is a
replay. Then stable returns, moved by another process as `segue models rollback` is, and it is told how long it takes
until the last worker has followed. Beside the times stands the processor time that the service took for each request:
it says the same on a machine that is busy with something else. Exit code 1 when a request failed, or when p99 after the
swap is more than CHECK times that before.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
from redis import Redis
from rich.console import Console
from rich.table import Table

from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import running_server
from benchmarks.serving_listeners import popular_first, who_listened, write_lines
from benchmarks.serving_load import Load
from benchmarks.serving_processes import taken
from tests.e2e.service import Service
from tests.rnn.drafts import new_draft

RESULTS = Path(__file__).parent / "results" / "swap.jsonl"
SIZES = {"hidden_size": 100, "embedding_size": 100}
WINDOWS = ("before", "the first seconds", "after")
FIRST_S = 5.0
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Window:
    """The answers of one stretch of time, and the processor time that the service took for each."""

    name: str
    requests: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    failed: int
    cpu_ms: float


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and append the result; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=100_000)
    parser.add_argument("--tracks", type=int, default=20_000, help="of the two checkpoints that are made")
    parser.add_argument("--store", type=Path, help="swap stable of this store for its newest checkpoint instead")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=15.0, help="before the swap; twice as long after it")
    parser.add_argument("--check", type=float, default=0.0, help="by how much p99 may grow; 0: whatever")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        windows, followed_s = measure(Path(folder), asked)
    _show(windows, followed_s, asked)
    grown = max(window.p99_ms for window in windows[1:]) / windows[0].p99_ms
    failed = sum(window.failed for window in windows)
    return 1 if failed or (asked.check and grown > asked.check) else 0


def measure(folder: Path, asked: argparse.Namespace) -> tuple[list[Window], float]:
    """Let everybody have listened under one checkpoint, and swap it for another in the middle of the load.

    Returns the answers by stretch, and in how many seconds all workers followed another process afterwards.
    """
    store = CheckpointStore(asked.store or folder / "store")
    first, second = _checkpoints(store, asked)
    predictor = store.load(first)
    asked.tracks = len(predictor.catalogue)
    popular = popular_first(predictor)
    everybody = who_listened(predictor, popular, asked.listeners)
    write_lines(folder / "tracks.txt", popular)
    with Service(store.root, folder / "data", workers=asked.workers, reload_interval_s="1.0") as service:
        with Redis.from_url(running_server(folder / "data") or "") as server:
            everybody.store(server)
        load = Load(
            service.port,
            [(asked.rate, 3 * asked.seconds)],
            asked.listeners,
            str(folder / "tracks.txt"),
            ["nobody"],
            watched=asked.listeners,
            evenly=True,
        )
        command = [sys.executable, "-m", "benchmarks.serving_load"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as caller:
            assert caller.stdin is not None
            caller.stdin.write(json.dumps(asdict(load)))
            caller.stdin.close()
            swap = threading.Timer(asked.seconds, _swap, (f"{service.http.base_url}", second))
            swap.start()
            cpu_ms = _cpu_ms(service, asked)
            assert caller.stdout is not None
            answered = json.loads(caller.stdout.read())
            swap.join()
        now_serves = service.http.get("/v1/models/labels").json()["stable"]
        assert now_serves == second, now_serves
        followed_s = _followed(service, store, asked.workers)
    return _windows(answered, asked.seconds, cpu_ms), followed_s


def _checkpoints(store: CheckpointStore, asked: argparse.Namespace) -> tuple[str, str]:
    """Return the checkpoint that is stable in a store and the one that will be."""
    if asked.store is not None:
        return str(store.labels().stable), store.list()[0].checkpoint_id
    first, second = (store.publish(new_draft(seed, size=asked.tracks, **SIZES)).checkpoint_id for seed in (1, 2))
    store.promote("stable", first)
    return first, second


def _cpu_ms(service: Service, asked: argparse.Namespace) -> list[float]:
    """Wait for the end of each window; return the processor time a request took in it, in milliseconds."""
    began = time.monotonic()
    spent, asked_for = [_spent_s(service)], [0.0]
    for end_s in (asked.seconds - 1.0, asked.seconds + FIRST_S, 3 * asked.seconds):
        time.sleep(max(0.0, began + end_s - time.monotonic()))
        spent.append(_spent_s(service))
        asked_for.append((time.monotonic() - began) * asked.rate)
    return (np.diff(spent) / np.diff(asked_for) * 1e3).tolist()


def _spent_s(service: Service) -> float:
    return taken([service.pid, *service.descendants])["server"].cpu_s


def _followed(service: Service, store: CheckpointStore, workers: int) -> float:
    """Return how long after a rollback the last worker has swapped; the first checkpoint has to be loaded again."""
    first = str(store.rollback().stable)
    began = time.monotonic()
    seen = len(service.log)
    while time.monotonic() - began < PATIENCE_S:
        told = [line for line in service.log[seen:].splitlines() if "checkpoint_swapped_in" in line]
        if sum(first in line for line in told) >= workers:
            return time.monotonic() - began
        time.sleep(0.01)
    raise AssertionError(f"not every worker followed within {PATIENCE_S} s")


def _swap(url: str, checkpoint_id: str) -> None:
    # Loading begins with this call; the load's clock began some tenths of a second after ours.
    body = {"checkpoint_id": checkpoint_id}
    httpx.put(f"{url}/v1/models/labels/stable", json=body, headers={"If-Match": "*"}, timeout=60).raise_for_status()


def _windows(answered: dict[str, list[float]], swapped_s: float, cpu_ms: list[float]) -> list[Window]:
    due, took = np.array(answered["due_s"]), np.array(answered["latencies_ms"])
    failed = np.array(answered["statuses"]) != httpx.codes.OK
    edges = (0.0, swapped_s - 1.0, swapped_s + FIRST_S, np.inf)
    windows = []
    for name, begin, end, cost in zip(WINDOWS, edges, edges[1:], cpu_ms, strict=False):
        inside = (due >= begin) & (due < end)
        p50, p99, longest = np.percentile(took[inside & ~failed], (50, 99, 100)).tolist()
        windows.append(Window(name, int(inside.sum()), p50, p99, longest, int((inside & failed).sum()), cost))
    return windows


def _show(windows: list[Window], followed_s: float, asked: argparse.Namespace) -> None:
    table = Table(title=f"A swap under {asked.rate:.0f} requests a second, {asked.listeners:,} listeners in the store")
    for title in ("", "requests", "p50 ms", "p99 ms", "longest ms", "failed", "cpu ms each"):
        table.add_column(title, justify="right" if title else "left")
    for window in windows:
        figures = (f"{value:.1f}" for value in (window.p50_ms, window.p99_ms, window.longest_ms))
        table.add_row(window.name, f"{window.requests:,}", *figures, str(window.failed), f"{window.cpu_ms:.2f}")
    busy = os.getloadavg()[0]
    print(f"every worker followed a rollback {followed_s:.2f} s after it (promised: 2)")
    Console(highlight=False).print(table, f"load {busy:.1f} on {os.cpu_count()} cores, {platform.machine()}")
    RESULTS.parent.mkdir(exist_ok=True)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip(),
        "cores": os.cpu_count(),
        "load": busy,
        **{name: value for name, value in vars(asked).items() if name != "store"},
        "followed_s": round(followed_s, 2),
        "windows": [asdict(window) for window in windows],
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    Console(highlight=False).print(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
