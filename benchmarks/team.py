"""How much faster a team of processes learns than one process alone, on one machine, taking turns.

    python -m benchmarks.team --data nowplaying --recipe gru --seconds 10 --turns 3

Each arrangement is started anew by `torchrun` at each turn, learns for so many seconds after its first twenty steps and
says how many events it read a second. The medians and their ratios to one process of one thread are printed.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from statistics import median

from app.rnn.threads import use_threads
from app.trainer.learner import Learner
from app.trainer.recipe import find_recipe
from app.trainer.team import join_team
from benchmarks.quality_data import NAMES, load

WARM_UP = 20


@dataclass(frozen=True)
class Arrangement:
    """So many processes of so many threads each."""

    processes: int
    threads: int

    def __str__(self) -> str:
        return f"{self.processes} x {self.threads}"


ARRANGEMENTS = (Arrangement(1, 1), Arrangement(2, 1), Arrangement(1, 2))


def learn(data: str, recipe_name: str, seconds: float, threads: int) -> None:
    """Be one process of a team: learn, and print the team's events a second where it leads."""
    use_threads(threads)
    measured = load(data)
    # What tracks begin as takes longer than the turn, and no step is faster for it.
    recipe = find_recipe(recipe_name).changed({"cooccurrence_start": False, "pull_back": False})
    with join_team() as team:
        learner = Learner(measured.training.sessions, len(measured.training.catalogue), recipe, team)
        batches = learner.batches.epoch(recipe.seed, 0)
        events, started, number, goes_on = 0, time.perf_counter(), 0, True
        while goes_on and number < len(batches):
            if number == WARM_UP:
                events, started = 0, time.perf_counter()
            events += learner.step(0, number, batches[number], 0.5)[1]
            number += 1
            # The clock that ends all is the leading process's: they must stop at the same step.
            if number > WARM_UP and number % 5 == 0:
                goes_on = team.from_lead(partial(_before, started + seconds))
        if team.leads:
            print(f"events_per_s {events / (time.perf_counter() - started):.1f}", flush=True)


def _before(end: float) -> bool:
    return time.perf_counter() < end


def pace_of(arrangement: Arrangement, arguments: argparse.Namespace) -> float:
    """Return how many events a second an arrangement learns from, all its processes together."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={arrangement.processes}", "-m", "benchmarks.team", "--learn"]
    command += ["--data", arguments.data, "--recipe", arguments.recipe]
    command += ["--seconds", str(arguments.seconds), "--threads", str(arrangement.threads)]
    surroundings = os.environ | {"OMP_NUM_THREADS": str(arrangement.threads)}
    done = subprocess.run(command, env=surroundings, check=True, capture_output=True, text=True)
    return float(done.stdout.split("events_per_s")[1].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=NAMES, default="nowplaying")
    parser.add_argument("--recipe", default="gru")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each learns at each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--learn", action="store_true", help="be one process of a team (started by this benchmark)")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.learn:
        learn(arguments.data, arguments.recipe, arguments.seconds, arguments.threads)
        return
    paces: dict[Arrangement, list[float]] = {arrangement: [] for arrangement in ARRANGEMENTS}
    for _ in range(arguments.turns):
        for arrangement, measured in paces.items():
            measured.append(pace_of(arrangement, arguments))
            print(f"{arrangement}: {measured[-1]:,.0f} events/s", flush=True)
    alone = median(paces[ARRANGEMENTS[0]])
    print("\n| processes x threads | events/s, median | times one process of one thread |\n|---|---|---|")
    for arrangement, measured in paces.items():
        print(f"| {arrangement} | {median(measured):,.0f} | {median(measured) / alone:.2f} |")


if __name__ == "__main__":
    main()
