"""Does anything grow? A service under steady load with a change of checkpoint every twenty seconds.

    python -m benchmarks.soak --minutes 10

Two workers, their session store and their collector, as `segue serve` starts them. Memory, descriptors and what the
session store uses are sampled; a line is laid through the second half of each. Exit code 1, naming what grew, when a
line rises by more than its bound over that half, or when a request failed.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from redis import Redis

from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import running_server
from tests.e2e.service import Service
from tests.rnn.drafts import new_draft

TRACKS = 20_000
LISTENERS = 300
SAMPLE_S = 2.0
COLUMNS = ("RSS MB", "PSS MB", "descriptors", "store MB")
# What each may rise over the second half: a share of its mean, and so much in any case. Memory of a process comes in
# pages and arenas, and the server rewrites its file now and then.
BOUNDS = {"RSS MB": (0.03, 6.0), "PSS MB": (0.03, 6.0), "descriptors": (0.0, 4.0), "store MB": (0.03, 1.0)}


@dataclass
class Load:
    """Callers who report plays and ask what comes next, each at a steady pace, over connections they keep."""

    url: str
    callers: int
    pause_s: float
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(self.callers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self._threads:
            thread.join()

    def _call(self, number: int) -> None:
        draw = np.random.default_rng(number)
        with httpx.Client(base_url=self.url, timeout=30) as http:
            while not self.ending.wait(self.pause_s):
                listener, track = draw.integers(LISTENERS), draw.integers(TRACKS)
                kind = "skipped" if draw.random() < 0.1 else "played"
                event = {"type": kind, "track_id": f"t{track}"}
                try:
                    answer = http.post("/v1/next", json={"listener_id": f"ann {listener}", "event": event, "n": 10})
                except httpx.HTTPError as failure:
                    self.failures.append(repr(failure))
                    continue
                self.answered += 1
                if answer.status_code != httpx.codes.OK or answer.json()["degraded"]:
                    self.failures.append(f"{answer.status_code} {answer.text[:200]}")


def sampled(service: Service, store: Redis) -> dict[str, float]:
    """Return what the processes of the service and its session store hold now."""
    rss = pss = descriptors = 0
    for pid in (service.pid, *service.descendants):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended: a rewrite of the server's file is a process
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
            sizes = {name: int(value.split()[0]) for name, value in (line.split(":") for line in rollup)}
            rss, pss = rss + sizes["Rss"], pss + sizes["Pss"]
            descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    used = int(store.info("memory")["used_memory"])
    return dict(zip(COLUMNS, (rss / 1e3, pss / 1e3, descriptors, used / 1e6), strict=True))


def promotions(root: Path, checkpoint_ids: list[str], every_s: float) -> Iterator[int]:
    """Promote one checkpoint after the other when it is time; yield how often that was so far."""
    began, done = time.monotonic(), 0
    while True:
        if time.monotonic() >= began + (done + 1) * every_s:
            done += 1
            CheckpointStore(root).promote("stable", checkpoint_ids[done % len(checkpoint_ids)])
        yield done


def risen(times: list[float], values: list[float]) -> float:
    """Return by how much the line through the values rises from the first time to the last."""
    slope = np.polyfit(times, values, 1)[0]
    return float(slope * (times[-1] - times[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=80.0, help="requests a second at most, all callers together")
    parser.add_argument("--swap-s", type=float, default=20.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = CheckpointStore(Path(folder) / "model_store")
        ids = [
            checkpoints.publish(new_draft(seed, size=TRACKS, hidden_size=100, embedding_size=100)).checkpoint_id
            for seed in (1, 2)
        ]
        checkpoints.promote("stable", ids[0])
        data = Path(folder) / "data"
        with Service(checkpoints.root, data, workers=chosen.workers) as service:
            sys.exit(soaked(service, data, checkpoints.root, ids, chosen))


def soaked(service: Service, data: Path, root: Path, ids: list[str], chosen: argparse.Namespace) -> str | None:
    """Return what grew or failed, None when nothing did."""
    times: list[float] = []
    samples: list[dict[str, float]] = []
    url = str(service.http.base_url)
    with (
        Redis(unix_socket_path=running_server(data).removeprefix("unix://")) as store,
        Load(url, chosen.callers, chosen.callers / chosen.rate) as load,
    ):
        began, printed = time.monotonic(), 0.0
        swaps = promotions(root, ids, chosen.swap_s)
        print("seconds  requests  swaps  " + "  ".join(f"{name:>11}" for name in COLUMNS))
        while (passed := time.monotonic() - began) < 60 * chosen.minutes:
            times.append(passed)
            samples.append(sampled(service, store))
            done = next(swaps)
            if passed >= printed:
                printed += 3 * chosen.minutes
                figures = "  ".join(f"{samples[-1][name]:11,.1f}" for name in COLUMNS)
                print(f"{passed:7.0f}  {load.answered:8,}  {done:5}  {figures}", flush=True)
            time.sleep(SAMPLE_S)
    half = len(times) // 2
    grew = []
    print(f"\nsecond half, {times[-1] - times[half]:.0f} s   mean       rise   at most")
    for name in COLUMNS:
        values = [sample[name] for sample in samples[half:]]
        mean, rise = float(np.mean(values)), risen(times[half:], values)
        share, least = BOUNDS[name]
        bound = max(share * mean, least)
        print(f"{name:<18} {mean:11,.1f} {rise:10,.2f} {bound:9,.2f}")
        if rise > bound:
            grew.append(f"{name} grew by {rise:.2f}")
    if load.failures:
        grew.append(f"{len(load.failures)} requests failed, the first: {load.failures[0]}")
    return "; ".join(grew) or None


if __name__ == "__main__":
    main()
