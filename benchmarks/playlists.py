"""How long whole playlists take: a hundred tracks ahead, each read before the next is ranked.

python -m benchmarks.large_catalogue --tracks 100000 --store data/large --promote
python -m benchmarks.playlists --store data/large
"""

import argparse
import asyncio
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch

from app.domain.playlist import Choosing, PlaylistAsk, Seed
from app.domain.rules import Rules
from app.domain.session import ListenerSession, SessionLimits
from app.serving.engine import Engine, Predictor
from app.serving.playlists import PlaylistWalk
from app.stores.checkpoints import CheckpointStore

BATCH_SIZE = 32
TIMES = 5


def asks(predictor: Predictor, length: int) -> dict[str, PlaylistAsk]:
    """Return what is asked for, by what the table calls it."""
    greedy = PlaylistAsk(length, seeds=(Seed(predictor.catalogue[5].track_id),))
    return {
        "greedy": greedy,
        "greedy, artist gap 5, album gap 10, at most 3 of an artist": replace(
            greedy, artist_gap=5, rules=Rules(max_per_artist=3, album_gap=10)
        ),
        "sample from the best 100": replace(greedy, choosing=Choosing.SAMPLE, seed=1),
        "to a track": replace(greedy, to=Seed(predictor.catalogue[50].track_id)),
    }


async def measured(predictor: Predictor, length: int) -> dict[str, list[tuple[float, float]]]:
    """Return the wall and processor seconds of each ask, several times over."""
    took: dict[str, list[tuple[float, float]]] = {}
    async with Engine(batch_size=BATCH_SIZE, batch_wait_us=0, queue_size=100) as engine:
        for name, ask in asks(predictor, length).items():
            for _ in range(TIMES):
                wall, cpu = time.perf_counter(), time.process_time()
                playlist = await PlaylistWalk(engine, predictor, SessionLimits()).walk(ListenerSession(""), ask, ())
                took.setdefault(name, []).append((time.perf_counter() - wall, time.process_time() - cpu))
                assert len(playlist.tracks) == length, playlist.shortfall
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="a model store")
    parser.add_argument("--checkpoint", default="stable", help="its label or id")
    parser.add_argument("--length", type=int, default=100, help="tracks of a playlist")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    predictor = CheckpointStore(asked.store).load(asked.checkpoint)
    predictor.warm_up()
    print(f"{len(predictor.catalogue):,} tracks, {asked.length} ahead, load {os.getloadavg()[0]:.1f}")
    print("| asked for | ms, median | processor ms, median | ms, first |\n|---|---|---|---|")
    for name, times in asyncio.run(measured(predictor, asked.length)).items():
        wall, cpu = ([each[place] * 1e3 for each in times] for place in (0, 1))
        print(f"| {name} | {statistics.median(wall):.0f} | {statistics.median(cpu):.0f} | {wall[0]:.0f} |")


if __name__ == "__main__":
    main()
