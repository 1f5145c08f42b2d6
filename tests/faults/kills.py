"""Kill workers, session server and collector of a real service at random moments under load; count what was lost.

    python -m tests.faults.kills --minutes 3 --seed 1

Callers send each event under one id until it is acknowledged. At the end every acknowledged event must be in its
listener's record and in the event log, once, and every stored hidden state must be the replay of what is stored.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.faults import processes
from tests.faults.drafts import one_hot_draft
from tests.faults.judgement import Judgement, judge, logged
from tests.faults.load import Load, Told

WORKERS = 3
CALLERS = 8
# So long between two kills: some come while the service still recovers from the one before.
PAUSES_S = (1.0, 5.0)
RESTART_PATIENCE_S = 60.0
# The collector pauses ever longer while it fails, up to a minute.
COLLECTED_PATIENCE_S = 150.0

KINDS: dict[str, Callable[[int, random.Random], list[int]]] = {
    "worker": lambda service, draw: _one_of(processes.workers(service), draw),
    "session server": lambda service, draw: _one_of(processes.session_server(service), draw),
    "collector": lambda service, draw: _one_of(processes.collector(service), draw),
    "all workers": lambda service, _: processes.workers(service),
    "fork server": lambda service, draw: _one_of(processes.fork_server(service), draw),
    "worker and server": lambda service, draw: [
        *_one_of(processes.workers(service), draw),
        *_one_of(processes.session_server(service), draw),
    ],
}
# All at once is rare: nobody is served until one has started again.
WEIGHTS = (6, 6, 3, 1, 1, 3)


@dataclass(frozen=True)
class Kill:
    """What was killed, when, and how many processes that were."""

    kind: str
    moment: float
    processes: int


@dataclass(frozen=True)
class Outcome:
    """What was done, what the callers were told, and what was found when all was over."""

    seconds: float
    kills: Sequence[Kill]
    told: Told
    judgement: Judgement
    logged: Counter[tuple[str, str]]
    workers_left: int

    @property
    def not_logged(self) -> int:
        """How many acknowledged events the event log does not have."""
        return sum((one.report.listener_id, one.report.event_id) not in self.logged for one in self.told.acknowledged)

    @property
    def logged_twice(self) -> int:
        """How many rows the event log has beyond one for each acknowledged event."""
        return self.logged.total() - (len(self.told.acknowledged) - self.not_logged)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or answered wrongly."""
        return self.judgement.holds and not (self.told.wrong or self.not_logged or self.logged_twice)

    def table(self) -> str:
        """Return all of it as text for people."""
        lines = [f"{'killed':<20}{'times':>6}{'processes':>11}{'until the next event was taken in, s':>40}"]
        for kind in KINDS:
            kills = [kill for kill in self.kills if kill.kind == kind]
            waits = [wait for kill in kills if (wait := self.told.waited_after(kill.moment)) is not None]
            told = f"median {statistics.median(waits):.2f}, longest {max(waits):.2f}" if waits else "-"
            lines.append(f"{kind:<20}{len(kills):>6}{sum(kill.processes for kill in kills):>11}{told:>40}")
        sent = len(self.told.acknowledged)
        refused = ", ".join(f"{count} {why}" for why, count in self.told.refusals.most_common())
        lines += [
            "",
            f"{'run':<28}{self.seconds:.0f} s, {WORKERS} workers, {CALLERS} callers",
            f"{'events acknowledged':<28}{sent}, of {self.judgement.listeners} listeners",
            f"{'tries':<28}{self.told.tries}, of which again {self.told.tries - sent}: {refused or 'none'}",
            f"{'answers nobody is promised':<28}{len(self.told.wrong)}",
            f"{'acknowledged and missing':<28}{self.judgement.missing}",
            f"{'applied twice':<28}{self.judgement.twice}",
            f"{'states that are no replay':<28}{len(self.judgement.not_the_replay)}",
            f"{'missing in the event log':<28}{self.not_logged}",
            f"{'twice in the event log':<28}{self.logged_twice}",
        ]
        return "\n".join(lines)


def run(models: CheckpointStore, folder: Path, *, seconds: float, seed: int) -> Outcome:
    """Run a service in the folder under load, kill what the seed says, and judge what is left."""
    data = folder / "data"
    with Service(models.root, data, workers=WORKERS, durability="always", collect_interval_s="1") as service:
        with Load(str(service.http.base_url), callers=CALLERS, name="killed") as load:
            began = time.monotonic()
            kills = _killing(service.pid, seconds, seed)
            _wait_for_workers(service.pid)
        told = load.told
        took = time.monotonic() - began
        stable = models.labels().stable
        assert stable is not None
        url = f"unix://{data / 'valkey' / 'valkey.sock'}"
        judgement = asyncio.run(judge(url, told.by_listener, models.load(stable)))
        left = len(processes.workers(service.pid))
        in_log = _collected(data / "events", len(told.acknowledged))
        return Outcome(took, kills, told, judgement, in_log, left)


def _killing(service: int, seconds: float, seed: int) -> list[Kill]:
    # What is killed when follows from the seed alone; which worker that is, from how many there are then, too.
    plan, choice = random.Random(seed), random.Random(seed)
    kills = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        threading.Event().wait(plan.uniform(*PAUSES_S))
        [kind] = plan.choices(tuple(KINDS), WEIGHTS)
        moment = time.monotonic()
        killed = sum(processes.kill(pid) for pid in KINDS[kind](service, choice))
        if killed:  # it may not have been started again yet
            kills.append(Kill(kind, moment, killed))
    return kills


def _collected(folder: Path, events: int) -> Counter[tuple[str, str]]:
    """Return what is in the event log once it has as many events, or after a time that should do."""
    deadline = time.monotonic() + COLLECTED_PATIENCE_S
    while (found := logged(folder)).total() < events and time.monotonic() < deadline:
        threading.Event().wait(0.5)
    return found


def _wait_for_workers(service: int) -> None:
    deadline = time.monotonic() + RESTART_PATIENCE_S
    while len(processes.workers(service)) < WORKERS and time.monotonic() < deadline:
        threading.Event().wait(0.1)


def _one_of(pids: Sequence[int], draw: random.Random) -> list[int]:
    return [draw.choice(pids)] if pids else []


def main() -> int:
    """Run it from the command line; the exit code tells whether anything was lost."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=3.0, help="how long to go on killing")
    options.add_argument("--seed", type=int, default=1, help="what is killed when follows from it")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="segue-kills-") as folder:
        models = CheckpointStore(Path(folder) / "models")
        models.promote("stable", models.publish(one_hot_draft(1)).checkpoint_id)
        outcome = run(models, Path(folder), seconds=60 * chosen.minutes, seed=chosen.seed)
    sys.stdout.write(f"{outcome.table()}\n")
    sys.stdout.write("".join(f"{wrong}\n" for wrong in outcome.told.wrong))
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
