"""How many listeners one machine answers, and how soon: a real server, a real Redis, an open-loop load.

    python -m benchmarks.serving --tracks 1000000 --rate 1000 --check

Builds a checkpoint of so many tracks or takes the one that is there, fills the session store with listeners, warms the
server up, walks up the rates, holds the target rate for a minute, and prints what came of it: latencies from when each
request was due, errors, processor time and memory of every process, time per stage, and how the answers compare with an
exact ranking. Then the same for the peer, the service a competent engineer writes first. `--overload` asks five times
as much as can be sustained. Results go to results/serving.jsonl and README.md; `--check` exits 1, naming what missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer, running_server
from benchmarks.large_catalogue import build
from benchmarks.serving_exactness import compare
from benchmarks.serving_listeners import Listeners, exactly, popular_first, who_listened, write_lines
from benchmarks.serving_load import Load
from benchmarks.serving_processes import Taken, taken
from benchmarks.serving_report import Overload, Result, Step, missed, recovery_s, told, write_report
from tests.e2e.service import Service, free_port

ROOT = Path(__file__).parents[1]
# Of the target rate, while the server gets warm and to see where it bends.
WALK = (0.1, 0.25, 0.5, 0.75)
BEYOND = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
PEER_RATES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
SUSTAINED_P90_MS = 50.0
COMPARED = 200
IDLE_S = 0.3  # of processor time in two seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second that have to be met")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long the target rate is held")
    parser.add_argument("--step-seconds", type=float, default=8.0, help="for how long any other rate is held")
    parser.add_argument("--listeners", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, help="model store to build in or take from; its `stable` is measured")
    parser.add_argument("--peer", choices=("naive", "none"), default="naive")
    parser.add_argument("--overload", action="store_true", help="ask five times what can be sustained, too")
    parser.add_argument("--check", action="store_true", help="exit 1 and name each target that was missed")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a SEGUE_ setting, any case")
    chosen = parser.parse_args()
    result = measured(chosen)
    write_report(ROOT / "benchmarks", result)
    print(told(result))
    misses = missed(result)
    for miss in misses:
        print(f"MISSED {miss}")
    if chosen.check and misses:
        sys.exit(1)


def measured(chosen: argparse.Namespace) -> Result:
    """Make everything ready, measure ours and the peer, and return what came of it."""
    store = chosen.store or ROOT / "benchmarks" / "made" / str(chosen.tracks)
    if not (store / "labels.json").exists():
        CheckpointStore(store).promote("stable", build(store, chosen.tracks))
    predictor = CheckpointStore(store).load("stable")
    with tempfile.TemporaryDirectory() as folder:
        popular = popular_first(predictor)
        write_lines(Path(folder) / "tracks.txt", popular)
        listeners = who_listened(predictor, popular, chosen.listeners)
        artists = sorted({track.artist for track in (predictor.catalogue[row] for row in range(0, 1000, 50))})
        load = Load(0, [], chosen.listeners, str(Path(folder) / "tracks.txt"), artists)
        checkpoint_id = predictor.checkpoint_id
        del predictor, popular  # what is measured is to have the memory
        result = Result(
            datetime.now(UTC).isoformat(timespec="seconds"),
            machine(),
            chosen.tracks,
            chosen.rate,
            chosen.workers,
            dict(pair.split("=", 1) for pair in chosen.set),
        )
        with ours(store, Path(folder), chosen, listeners, result) as (port, pids):
            walk_up(result, replaced(load, port), pids, chosen)
            if chosen.overload:
                result.overload = overloaded(result, replaced(load, port))
        watched = [pair for step in result.steps for pair in step.watched]
        exact = exactly(CheckpointStore(store).load(checkpoint_id))
        result.exactness = compare(exact, listeners, watched, COMPARED, time.time())
        del exact
        if chosen.peer == "naive":
            with peer(store, checkpoint_id, Path(folder)) as port:
                peer_walks_up(result, replaced(load, port), chosen.step_seconds)
    return result


def walk_up(result: Result, load: Load, pids: list[int], chosen: argparse.Namespace) -> None:
    """Ask more and more, hold the target rate, then go on until it can no longer be sustained."""
    for share in WALK:
        result.steps.append(step(load, chosen.rate * share, chosen.step_seconds, pids, len(result.steps)))
    result.steps.append(step(load, chosen.rate, chosen.seconds, pids, len(result.steps)))
    result.target = len(result.steps) - 1
    for share in BEYOND:
        if not result.steps[-1].is_sustained(SUSTAINED_P90_MS):
            break
        result.steps.append(step(load, chosen.rate * share, chosen.step_seconds, pids, len(result.steps)))


def peer_walks_up(result: Result, load: Load, seconds: float) -> None:
    """Find what the peer sustains; it is given a moment to get warm first."""
    step(load, 1.0, 3.0, [], 1000)
    for rate in PEER_RATES:
        result.peer_steps.append(step(load, float(rate), seconds, [], 1000 + rate))
        if not result.peer_steps[-1].is_sustained(SUSTAINED_P90_MS):
            break


def overloaded(result: Result, load: Load) -> Overload:
    """Ask five times what can be sustained for ten seconds, then half of it again."""
    # Where not even the lowest rate was sustained, what was answered at best says what the machine can do.
    sustained = result.sustained(SUSTAINED_P90_MS) or max(step.answered / step.seconds for step in result.steps)
    rates = [(5 * sustained, 10.0), (sustained / 2, 8.0)]
    output = generated(replaced(load, load.port, rates, 999))
    flood = [place for place, due in enumerate(output["due_s"]) if due < rates[0][1]]
    return Overload(
        5 * sustained,
        Step.of(output, rates[0][0], rates[0][1], {}, set(flood)),
        recovery_s(output, rates[0][1], SUSTAINED_P90_MS),
    )


def step(load: Load, rate: float, seconds: float, pids: list[int], seed: int) -> Step:
    """Ask at one rate and return what came of it."""
    before = taken(pids)
    output = generated(replaced(load, load.port, [(rate, seconds)], seed + 1))
    after = taken(pids)
    used = {
        part: Taken(now.cpu_s - before[part].cpu_s if part in before else 0.0, now.rss_mb, now.pss_mb)
        for part, now in after.items()
    }
    found = Step.of(output, rate, seconds, used)
    print(found.line(), flush=True)
    return found


def generated(load: Load) -> dict[str, Any]:
    """Let the generator ask, in a process of its own; return what it measured."""
    command = [sys.executable, "-m", "benchmarks.serving_load"]
    done = subprocess.run(command, input=json.dumps(asdict(load)), capture_output=True, text=True, check=True, cwd=ROOT)
    output: dict[str, Any] = json.loads(done.stdout)
    return output


@contextmanager
def ours(
    store: Path, folder: Path, chosen: argparse.Namespace, listeners: Listeners, result: Result
) -> Iterator[tuple[int, list[int]]]:
    """Run the service with its own Redis, filled with listeners; yield its port and its processes."""
    began = time.monotonic()
    with Service(store, folder / "data", workers=chosen.workers, **result.settings) as service:
        result.ready_s = time.monotonic() - began
        with Redis(unix_socket_path=running_server(folder / "data").removeprefix("unix://")) as server:
            listeners.store(server)
        pids = [service.pid, *service.descendants]
        until_idle(pids)
        yield service.port, pids


def until_idle(pids: list[int]) -> None:
    """Wait until the service does nothing: the first worker says that it is ready while others still load."""
    deadline = time.monotonic() + 240
    before = sum(part.cpu_s for part in taken(pids).values())
    while time.monotonic() < deadline:
        time.sleep(2)
        now = sum(part.cpu_s for part in taken(pids).values())
        if now - before < IDLE_S:
            return
        before = now
    raise RuntimeError("the service was still at work four minutes after it began")


@contextmanager
def peer(store: Path, checkpoint_id: str, folder: Path) -> Iterator[int]:
    """Run the naive service with a Redis of its own; yield its port."""
    port = free_port()
    with EmbeddedServer(folder / "peer") as server:
        environment = {
            **os.environ,
            "NAIVE_STORE": str(store.resolve()),
            "NAIVE_CHECKPOINT": checkpoint_id,
            "NAIVE_REDIS": server.url,
        }
        command = ["-m", "uvicorn", "benchmarks.serving_naive:app", "--port", str(port), "--no-access-log"]
        process = subprocess.Popen([sys.executable, *command], env=environment, cwd=ROOT)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                until_ready(client)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError("the peer was not ready in time")


def replaced(load: Load, port: int, rates: list[tuple[float, float]] | None = None, seed: int = 1) -> Load:
    """Return the load for a port, with these rates."""
    return Load(port, rates or load.rates, load.listeners, load.track_ids, load.artists, seed, load.watched)


def machine() -> str:
    """Say what this ran on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")
    memory = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]) / 1e6
    return f"{os.cpu_count()} x {model}, {memory:.0f} GB, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
