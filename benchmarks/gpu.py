"""How fast a network learns on a GPU, beside the processor: events a second, and the time for ten million events.

    python -m benchmarks.gpu --data nowplaying --batch-events 768 4096 16384

Each device learns for so many seconds with each size of batch; with a GPU the recipe's own size then learns ten million
events, as many epochs as they make. Where there is no GPU the processor's rows say at what pace it would. Only learning
is timed: validation and mixing stay on the processor (docs/training.md). `benchmarks/results/gpu.jsonl` keeps the rows.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from app.rnn.threads import use_threads
from app.trainer.device import AUTO, PROCESSOR, find_device
from app.trainer.learner import Learner
from app.trainer.recipe import Recipe, find_recipe
from app.trainer.team import Team
from benchmarks.quality_data import NAMES, Measured, load
from benchmarks.quality_run import Record, machine

EVENTS = 10_000_000
WARM_UP = 20
RESULTS = Path(__file__).parent / "results" / "gpu.jsonl"


def learn(measured: Measured, recipe: Recipe, device: torch.device, seconds: float, most: int) -> Record:
    """Learn until so many seconds are over or `most` events were read, the first steps not counted."""
    learner = Learner(measured.training.sessions, len(measured.training.catalogue), recipe, Team(device=device))
    events, started = 0, time.perf_counter()
    for done, (epoch, number, windows) in enumerate(_steps(learner, recipe.seed)):
        if done == WARM_UP:
            events, started = 0, time.perf_counter()
        # A step ends with a look at its loss, so nothing of it is still to be done when the clock is read.
        events += learner.step(epoch, number, windows, 0.5)[1]
        if done > WARM_UP and (events >= most or time.perf_counter() - started >= seconds):
            break
    took = time.perf_counter() - started
    return {
        "device": _name(device),
        "batch_events": recipe.batch_events,
        "events": events,
        "seconds": took,
        "events_per_s": events / took,
        "gpu_mb": torch.cuda.max_memory_allocated(device) >> 20 if device.type == "cuda" else None,
    }


def _steps(learner: Learner, seed: int) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Yield epoch, number and windows of one batch after another, without end."""
    epoch = 0
    while True:
        for number, windows in enumerate(learner.batches.epoch(seed, epoch)):
            yield epoch, number, windows
        epoch += 1


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"


def _row(found: Record) -> str:
    measured = found["events"] >= EVENTS
    minutes = EVENTS / found["events_per_s"] / 60
    memory = "" if found["gpu_mb"] is None else f"{found['gpu_mb']:,}"
    return (
        f"| {found['device']} | {found['batch_events']:,} | {found['events_per_s']:,.0f} | "
        f"{minutes:.1f}{'' if measured else ' at this pace'} | {memory} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=NAMES, default="nowplaying")
    parser.add_argument("--recipe", default="gru")
    parser.add_argument("--device", default=AUTO, help="auto, cpu, cuda or cuda:N, measured beside the processor")
    parser.add_argument("--batch-events", type=int, nargs="*", default=[], help="sizes of batch beside the recipe's")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each learns")
    parser.add_argument("--sessions", type=int, help="learn from so many sessions only, for a quick look")
    parser.add_argument("--threads", type=int, help="processor threads; measured if left out")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file the rows go to")
    chosen = parser.parse_args(arguments)
    device, measured, recipe = (
        find_device(chosen.device),
        load(chosen.data, chosen.sessions),
        find_recipe(chosen.recipe),
    )
    use_threads(chosen.threads)
    devices = [PROCESSOR] if device == PROCESSOR else [PROCESSOR, device]
    sizes = dict.fromkeys([recipe.batch_events, *chosen.batch_events])
    rows = [
        learn(measured, replace(recipe, batch_events=size), each, chosen.seconds, EVENTS)
        for each in devices
        for size in sizes
    ]
    if device != PROCESSOR:
        rows.append(learn(measured, recipe, device, float("inf"), EVENTS))
    print("| device | batch events | events/s | minutes for ten million | GPU memory, MB |\n|---|---|---|---|---|")
    print("\n".join(map(_row, rows)))
    stated = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "data": chosen.data, "recipe": recipe.name}
    with chosen.results.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(stated | {"machine": machine()} | row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
