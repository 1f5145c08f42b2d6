"""How fast and in how much memory `segue import` takes a listening history. Makes the history itself.

    python benchmarks/importing.py --events 10000000

The history is a CSV file of listener, time, artist and title: listeners play runs of a dozen tracks with long pauses
between, tracks are drawn by Zipf's law, one title in nine needs quotes. The import runs in a process of its own, so
that its peak memory is its own.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

CHUNK = 1_000_000


def write_history(path: Path, events: int, tracks: int, seed: int = 1) -> None:
    """Write a CSV history of so many events over so many tracks."""
    random = np.random.default_rng(seed)
    artists = pa.array([f"Artist No. {number % (tracks // 8 + 1)}" for number in range(tracks)])
    titles = pa.array(
        [f"Song, the {number}th" if number % 9 == 0 else f"Song number {number}" for number in range(tracks)]
    )
    popularity = np.cumsum(1 / np.arange(1, tracks + 1) ** 0.8)
    popularity /= popularity[-1]
    clock = 1_500_000_000
    with pcsv.CSVWriter(
        path,
        pa.schema([(name, pa.string()) for name in ("listener_id", "time", "artist", "title")]),
        write_options=pcsv.WriteOptions(quoting_style="needed"),
    ) as writer:
        for start in range(0, events, CHUNK):
            count = min(CHUNK, events - start)
            rows = np.searchsorted(popularity, random.random(count))
            runs = np.cumsum(random.random(count) < 1 / 12)
            times = clock + np.arange(count) * 200 + runs * 7200
            clock = int(times[-1])
            listeners = pc.binary_join_element_wise(
                "listener ", pc.cast(pa.array(start // 500 + runs // 20), pa.string()), ""
            )
            writer.write_table(
                pa.table(
                    {
                        "listener_id": listeners,
                        "time": pc.cast(pa.array(times), pa.string()),
                        "artist": artists.take(pa.array(rows)),
                        "title": titles.take(pa.array(rows)),
                    }
                )
            )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--events", type=int, default=10_000_000)
    arguments.add_argument("--tracks", type=int, default=200_000)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "history.csv", Path(folder) / "dataset"
        write_history(source, chosen.events, chosen.tracks)
        command = (
            "import sys; from pathlib import Path; from app.dataset.importing import ImportSettings, import_sources; "
            "print(import_sources([sys.argv[1]], Path(sys.argv[2]), ImportSettings()).dataset.summary['sessions'])"
        )
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", command, str(source), str(out)], check=True, capture_output=True, text=True
        )
        took_s = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print("| events | file MB | sessions | seconds | events/s | CPU seconds | peak MB | cores | load |")
        print("|---|---|---|---|---|---|---|---|---|")
        print(
            f"| {chosen.events:,} | {source.stat().st_size / 1e6:.0f} | {int(done.stdout):,} | {took_s:.1f} "
            f"| {chosen.events / took_s:,.0f} | {used.ru_utime + used.ru_stime:.1f} | {used.ru_maxrss / 1024:.0f} "
            f"| {os.cpu_count()} | {os.getloadavg()[0]:.1f} |"
        )


if __name__ == "__main__":
    main()
