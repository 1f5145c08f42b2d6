"""The life of a model in one scripted day: a taste that shifts, a network that learns it, and one that must not stay.

    make demo-day                            # python -m benchmarks.demo_day --out demo-day

A thousand simulated listeners play over HTTP against `segue serve` with its own session store. At noon their taste
shifts. Retraining is asked for on what was heard since; its checkpoint passes the gate, becomes canary at 20 percent,
is found better by the sequential test and becomes stable. Then a checkpoint that learned shuffled sessions is forced in
as canary, and goes by itself. The day is drawn as `day.png`. Exit code 1, saying why, when a request failed or a step
did not happen in its time.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from app.dataset.folder import write_dataset
from app.demo.catalogue import demo_catalogue, part_of
from app.domain.catalogue import Catalogue
from app.stores.checkpoints import CheckpointStore
from benchmarks.day_listeners import HOUR_S, NOON_S, Crowd, Listening, shuffled
from benchmarks.day_operator import Operator, Step, StepMissed
from benchmarks.day_picture import draw, table
from benchmarks.day_players import Clock, Notes, Players
from tests.e2e.service import Service

DAY_S = 24 * HOUR_S
LAST_S = 40 * HOUR_S  # nobody begins to listen later, should the day take that long
EVENTS_PER_SESSION = 14
RECIPE = """
hidden_size = 64
embedding_size = 64
skip_input = true
normalised = true
cooccurrence_start = true
epochs = 6
"""

# A run gives way to listeners, but less than by default: the day does not wait for a quiet hour.
SETTINGS = {"canary_rollback": "true", "run_worker": "true", "training_niceness": "5"}
console = Console(highlight=False)


@dataclass(frozen=True)
class Plan:
    """How large the day is: `rate` events a second of the wall, `speed` seconds of the day in one of the wall.

    Retraining is asked for after `heard_since_noon` events; every wait for something ends after `patience_s` of the
    wall.
    """

    listeners: int = 1000
    tracks: int = 400
    history: int = 1500
    rate: float = 120.0
    speed: float = 150.0
    opens_s: float = 10 * HOUR_S
    heard_since_noon: int = 4000
    patience_s: float = 180.0


def main(arguments: list[str] | None = None) -> int:
    """Play the day; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("demo-day"), help="folder for day.png")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="events a second")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        failed = _day(Path(folder), asked.out, Plan(rate=asked.rate), asked.workers)
    console.print(f"{time.monotonic() - began:,.0f} s in all.")
    if failed:
        console.print(f"[red]FAILED:[/red] {failed}", soft_wrap=True)
    return 1 if failed else 0


def _day(folder: Path, out: Path, plan: Plan, workers: int) -> str:
    """Prepare and play the day; return what went wrong, nothing if nothing did."""
    catalogue = part_of(demo_catalogue(), plan.tracks)
    # Two days ago: whatever time it is now, no event of the day lies ahead of the server's clock.
    midnight = time.time() // DAY_S * DAY_S - 2 * DAY_S
    before = Crowd(catalogue, plan.listeners, seed=1)
    names = prepare(folder, catalogue, before, plan, midnight)
    # All of them now: drawn later they would hold up who listens.
    sessions = list(chain(*_halves(before, Crowd(catalogue, plan.listeners, seed=2, in_pairs=True), plan)))
    with Service(folder / "store", folder / "data", workers=workers, **SETTINGS) as service:
        clock = Clock(midnight, plan.opens_s, plan.speed)
        notes = Notes()
        url = str(service.http.base_url)
        operator, missed = asyncio.run(_play(url, clock, notes, sessions, plan, names))
        if missed:
            console.print(service.log[-3000:], markup=False)
    if notes.notes and operator.steps:
        draw(out / "day.png", notes, operator.steps, names)
        console.print(_steps(operator.steps), table(notes, names))
        console.print(f"{notes.requests:,} requests, {len(notes.failures)} failed. {out / 'day.png'}")
    failures = f"{len(notes.failures)} requests failed, the first: {notes.failures[0]}" if notes.failures else ""
    return " ".join(filter(None, (missed, failures)))


def prepare(folder: Path, catalogue: Catalogue, crowd: Crowd, plan: Plan, midnight: float) -> dict[str, str]:
    """Train what serves in the morning and, on shuffled sessions, what must not; return their names by their ids."""
    history = crowd.history(plan.history, midnight)
    (folder / "data" / "recipes").mkdir(parents=True)
    recipe = folder / "data" / "recipes" / "day.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    store = CheckpointStore(folder / "store")
    names: dict[str, str] = {}
    for name, sessions, options in (
        ("first", history, ()),
        ("bad", shuffled(history, seed=3), ("--no-promote", "--set", "epochs=1")),
    ):
        console.print(f"training the {name} checkpoint on {len(sessions.tracks):,} events")
        place = folder / name
        write_dataset(place, catalogue, sessions, {})
        known = set(store.ids())
        command = [sys.executable, "-m", "app.cli", "train", str(place), "--recipe", str(recipe), *options]
        where = ("--store", str(store.root), "--run-dir", str(folder / "run"), "--threads", "1")
        subprocess.run([*command, *where], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (made,) = set(store.ids()) - known
        names[made] = name
    if store.labels().stable not in names:
        raise StepMissed("Expected the first checkpoint to pass the gate; it did not.")
    return names


def _halves(before: Crowd, after: Crowd, plan: Plan) -> Iterator[Iterator[Listening]]:
    per_hour = plan.rate / EVENTS_PER_SESSION * HOUR_S / plan.speed
    yield before.sessions(plan.opens_s, NOON_S, per_hour)
    yield after.sessions(NOON_S, LAST_S, per_hour)


async def _play(
    url: str, clock: Clock, notes: Notes, sessions: list[Listening], plan: Plan, names: dict[str, str]
) -> tuple[Operator, str]:
    """Let listeners and operator at the service; return the operator, and which step was missed, if one was."""
    limits = httpx.Limits(max_connections=80)
    async with (
        httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as listening,
        httpx.AsyncClient(base_url=url, timeout=60) as operating,
    ):
        operator = Operator(operating, clock, _told)
        players = Players(listening, clock, notes)
        playing = asyncio.create_task(players.play(sessions))
        missed = ""
        try:
            await _steps_of_the_day(operator, clock, notes, plan, names)
        except (StepMissed, TimeoutError, httpx.HTTPError) as failure:
            missed = str(failure) or repr(failure)
        players.end()
        await playing
    return operator, missed


async def _steps_of_the_day(operator: Operator, clock: Clock, notes: Notes, plan: Plan, names: dict[str, str]) -> None:
    [bad] = [checkpoint_id for checkpoint_id, name in names.items() if name == "bad"]
    await clock.until(NOON_S)
    operator.note("taste shifts")
    await asyncio.wait_for(notes.more(plan.heard_since_noon), plan.patience_s)
    window_days = (time.time() - clock.midnight - NOON_S) / DAY_S
    ask = {"recipe": "day", "base": "stable", "window_days": window_days}
    retrained = await operator.retrain(ask, plan.patience_s)
    names[retrained] = "retrained"
    await operator.label("canary", retrained, "canary at 20 %", traffic_percent=20)
    await operator.wins(retrained, plan.patience_s)
    await operator.label("stable", retrained, "becomes stable")
    await operator.take_away("canary")
    await clock.until(clock.now_s + HOUR_S / 2)
    await operator.label("canary", bad, "bad canary at 20 %", traffic_percent=20, force=True)
    await operator.goes_by_itself(bad, plan.patience_s)
    await clock.until(clock.now_s + HOUR_S / 2)


def _told(step: Step) -> None:
    console.print(f"{_time(step.at_s)}  {step.what}  {step.detail}", soft_wrap=True, markup=False)


def _steps(steps: list[Step]) -> Table:
    shown = Table(title="The steps of the day")
    for title in ("day", "what", "took"):
        shown.add_column(title, justify="right" if title == "took" else "left")
    for step in steps:
        shown.add_row(_time(step.at_s), step.what, f"{step.took_s:.1f} s" if step.took_s >= 0.05 else "")
    return shown


def _time(at_s: float) -> str:
    hours, seconds = divmod(int(at_s), 3600)
    return f"{hours:02d}:{seconds // 60:02d}"


if __name__ == "__main__":
    sys.exit(main())
