"""Does learning disturb answering? One service under a steady load, with and without a training run, turn by turn.

    python -m benchmarks.retraining --rate 200 --seconds 15 --turns 2

The service is `segue serve` as installed: its own session store, its collector, and the worker that it starts itself,
which learns the demo's sessions under the recipe `gru`. Turns alternate, so that whatever else the machine does slows
both alike. Latencies count from when a request was due. Exit code 1 when the p99 of all turns with a run is more than
1.5 times that of those without, or when a request failed. Appends a line to results/retraining.jsonl.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np

from app.dataset.folder import MANIFEST_FILE
from app.demo.catalogue import demo_catalogue
from app.demo.dataset import demo_dataset
from app.domain.catalogue import Catalogue
from app.rnn.checkpoint import CheckpointDraft
from app.stores.checkpoints import CheckpointStore
from benchmarks.serving import generated, machine, until_idle
from benchmarks.serving_load import Load
from tests.e2e.retraining import RUNS, begin, until
from tests.e2e.service import Service
from tests.rnn.drafts import new_draft

RESULTS = Path(__file__).parent / "results" / "retraining.jsonl"
BOUND = 1.5
LISTENERS = 5000


def main() -> int:
    """Measure, tell, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=2, help="with and without a run, each")
    parser.add_argument("--threads", default="1", help="SEGUE_TRAINING_THREADS")
    parser.add_argument("--niceness", default="19", help="SEGUE_TRAINING_NICENESS")
    parser.add_argument("--folder", type=Path, help="where to keep the demo's sessions for the next time")
    chosen = parser.parse_args()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as aside:
        found = measured(chosen, chosen.folder or Path(aside))
    ratio = found["with"]["p99_ms"] / found["without"]["p99_ms"]
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "rate": chosen.rate,
        "seconds": chosen.seconds,
        "turns": chosen.turns,
        "threads": chosen.threads,
        "niceness": chosen.niceness,
        "load_before": round(load_before, 1),
        **found,
        "p99_ratio": round(ratio, 2),
    }
    with RESULTS.open("a", encoding="utf-8") as results:
        results.write(json.dumps(line) + "\n")
    print(f"p99 with a run is {ratio:.2f} times that without (at most {BOUND})")
    failed = sum(found[name]["failed"] for name in ("without", "with"))
    return int(ratio > BOUND or failed > 0)


def measured(chosen: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """Return what the latencies without and with a run come to."""
    if not (folder / "data" / "demo" / MANIFEST_FILE).is_file():
        demo_dataset(folder / "data" / "demo")
    store = CheckpointStore(folder / "model_store")
    if store.labels().stable is None:
        store.promote("stable", store.publish(untrained(demo_catalogue())).checkpoint_id)
    tracks = list(demo_catalogue())
    (folder / "tracks.txt").write_text("".join(f"{track.track_id}\n" for track in tracks), encoding="utf-8")
    latencies: dict[str, list[float]] = {"without": [], "with": []}
    failed = {"without": 0, "with": 0}
    settings = {
        "run_worker": "true",
        "training_threads": chosen.threads,
        "training_niceness": chosen.niceness,
        "collect_interval_s": "1",
    }
    with Service(store.root, folder / "data", **settings) as service:
        artists = sorted({track.artist for track in tracks})
        load = Load(service.port, [], LISTENERS, str(folder / "tracks.txt"), artists)
        # The first seconds of a service are not what is asked about.
        until_idle([service.pid, *service.descendants])
        ask(load, chosen.rate, 5.0, seed=99)
        for turn in range(chosen.turns):
            for name in ("without", "with"):
                run_id = learning(service) if name == "with" else None
                output = ask(load, chosen.rate, chosen.seconds, seed=turn)
                good = [status == httpx.codes.OK for status in output["statuses"]]
                answered = [ms for ms, is_good in zip(output["latencies_ms"], good, strict=True) if is_good]
                latencies[name] += answered
                failed[name] += good.count(False)
                print(f"turn {turn} {name:8} {figures(answered, good.count(False))}", flush=True)
                if run_id is not None:
                    speed = service.http.get(f"{RUNS}/{run_id}").json()["progress"]
                    print(f"  the run: {speed['stage']}, {speed['events_per_s'] or 0:,.0f} events/s", flush=True)
                    service.http.delete(f"{RUNS}/{run_id}")
                    time.sleep(2.0)
    return {name: figures(latencies[name], failed[name]) for name in latencies}


def untrained(catalogue: Catalogue) -> CheckpointDraft:
    """Return what answers: a network of the demo's size, which takes as long to ask as one that has learned."""
    return replace(new_draft(size=len(catalogue), hidden_size=100, embedding_size=100), catalogue=catalogue)


def learning(service: Service) -> str:
    """Begin a run and wait until it learns."""
    run_id = begin(service, recipe="gru")
    until(service, run_id, epoch=1)
    return run_id


def ask(load: Load, rate: float, seconds: float, seed: int) -> dict[str, list[float]]:
    """Ask at one rate."""
    output = generated(Load(**{**asdict(load), "rates": [(rate, seconds)], "seed": seed}))
    return {"statuses": output["statuses"], "latencies_ms": output["latencies_ms"]}


def figures(latencies_ms: list[float], failed: int) -> dict[str, float]:
    """Return what a turn's latencies come to."""
    p50, p90, p99 = np.percentile(latencies_ms, [50, 90, 99]).round(2).tolist()
    return {"requests": len(latencies_ms), "failed": failed, "p50_ms": p50, "p90_ms": p90, "p99_ms": p99}


if __name__ == "__main__":
    sys.exit(main())
