"""How good each recipe is on each data set, beside the baselines, and whether that is good enough.

    python -m benchmarks.quality --data nowplaying gratefuldead --recipes gru gru4rec-2018-xe --check
    python -m benchmarks.quality --data data/mine --recipes gru gru4rec-2018-xe --check

Every run appends a line to benchmarks/results/quality.jsonl; the newest lines make the table in benchmarks/README.md.
"""

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from app.rnn.threads import use_threads
from app.trainer.comparison import BASELINES
from app.trainer.recipe import Recipe, find_recipe, recipe_names
from benchmarks.quality_data import NAMES, Absent, Measured, known_as, load, place_of
from benchmarks.quality_run import BASELINE, Question, Record, answer
from benchmarks.quality_speed import LEVEL, race, ratio
from benchmarks.quality_table import render, write_into
from benchmarks.quality_targets import MRR, OURS, RECALL, REFERENCE, findings, missed, newest

HERE = Path(__file__).parent
# What takes longest first, so that no core is idle at the end.
DEFAULT_DATA = ("nowplaying", "rns_gap15", "demo", "classic_rock", "gratefuldead")
_ALL = "all"
_EVERY_RECIPE_DATA = "gratefuldead"  # a recipe takes a minute there; the slowest take hours on the others
_RACE_DATA = "nowplaying"
_MOST_AT_ONCE = 4  # each takes a gigabyte or three


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; return the exit status."""
    chosen = _parser().parse_args(arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as `segue` does, for the processes that learn
    results, times = chosen.results / "quality.jsonl", chosen.results / "time-to-recall.jsonl"
    found = dict(_found(chosen))
    questions = [
        question for name, measured in found.items() for question in _questions(name, measured, chosen, _read(results))
    ]
    for records in _answers(questions, chosen.at_once):
        for record in records:
            _append(results, record)
            _tell(record)
    if chosen.race_minutes and _RACE_DATA in found:
        _race(found[_RACE_DATA], chosen, times)
    if chosen.page.is_file():
        write_into(chosen.page, render(_read(results), _read(times)))
    if not chosen.check:
        return 0
    held = findings(_read(results), _read(times), [known_as(name) for name in chosen.data])
    print("\n".join(map(str, held)))
    return 1 if missed(held) else 0


def _found(chosen: argparse.Namespace) -> Iterator[tuple[str, Measured]]:
    """Yield the data sets that are there, by the names they were asked for with."""
    for name in chosen.data:
        try:
            yield name, load(name, chosen.sessions)
        except Absent as reason:
            print(f"{name} is left out: {reason}.")


def _answers(questions: Sequence[Question], at_once: int) -> Iterator[list[Record]]:
    """Yield the records of each run as it ends, so that what has ended is kept whatever becomes of the others."""
    with ThreadPoolExecutor(at_once) as side_by_side:
        asked = [side_by_side.submit(answer, question) for question in questions]
        try:
            for answered in as_completed(asked):
                yield answered.result()
        finally:
            side_by_side.shutdown(cancel_futures=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        nargs="+",
        type=_data,
        metavar="DATA",
        default=list(DEFAULT_DATA),
        help=f"{', '.join(NAMES)}, or a path to another",
    )
    parser.add_argument(
        "--recipes",
        nargs="*",
        help=f"names or TOML files, or {_ALL} that ship; if left out, {OURS} and {REFERENCE}, and {_ALL} on "
        f"{_EVERY_RECIPE_DATA}",
    )
    parser.add_argument("--no-baselines", action="store_true", help="judge the recipes only")
    parser.add_argument("--seed", type=int, help="of the recipes, in place of their own")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipes, for a try")
    parser.add_argument("--sessions", type=int, help="learn from the newest so many sessions only, for a quick look")
    parser.add_argument(
        "--at-once",
        type=int,
        metavar="RUNS",
        default=min(os.cpu_count() or 1, _MOST_AT_ONCE),
        help="how many runs learn side by side (%(default)s)",
    )
    parser.add_argument(
        "--threads", type=int, help="processor threads of a run; if left out one, or as measured where --at-once is 1"
    )
    parser.add_argument(
        "--race-minutes", type=float, default=20.0, help=f"most learning time to Recall@20 = {LEVEL}; 0: no race"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 and name the targets that are missed")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="the folder the lines go to")
    parser.add_argument("--page", type=Path, default=HERE / "README.md", help="the page the tables go into")
    return parser


def _data(name: str) -> str:
    """Refuse what is a data set nowhere before anything is trained; the listening data may well be absent."""
    try:
        place_of(name)
    except Absent as reason:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"{name}: {reason}") from reason
    return name


def _questions(data: str, measured: Measured, chosen: argparse.Namespace, records: Sequence[Record]) -> list[Question]:
    """Return what is to be run on a data set. Baselines answer the same each time, so they are asked once."""
    questions = []
    threads = 1 if chosen.threads is None and chosen.at_once > 1 else chosen.threads
    if not chosen.no_baselines:
        known = {} if chosen.sessions else newest(records)
        for name in BASELINES:
            before = known.get((measured.name, name, BASELINE))
            if before is None or before["data_facts"]["fingerprint"] != measured.training.fingerprint:
                questions.append(Question(data, name, chosen.sessions, threads=threads))
    recipes = [_recipe(name, chosen) for name in asked_of(measured.name, chosen.recipes)]
    return questions + [Question(data, recipe, chosen.sessions, tuple(chosen.set), threads) for recipe in recipes]


def asked_of(data: str, recipes: Sequence[str] | None) -> Sequence[str]:
    """Return the recipes to run on a data set, by name or file: those asked for, or what fits into some hours."""
    if recipes == [_ALL] or (recipes is None and data == _EVERY_RECIPE_DATA):
        return recipe_names()
    return (OURS, REFERENCE) if recipes is None else recipes


def _recipe(name: str, chosen: argparse.Namespace) -> Recipe:
    changes: dict[str, Any] = dict(_setting(change) for change in chosen.set)
    if chosen.seed is not None:
        changes["seed"] = chosen.seed
    return find_recipe(name).changed(changes)


def _setting(change: str) -> tuple[str, Any]:
    key, _, value = change.partition("=")
    return key.strip(), tomllib.loads(f"value = {value}")["value"]


def _race(measured: Measured, chosen: argparse.Namespace, times: Path) -> None:
    use_threads(chosen.threads)
    recipes = [_recipe(name, chosen) for name in (OURS, REFERENCE)]
    whole = chosen.sessions is None and not chosen.set
    record = race(measured, recipes, chosen.race_minutes * 60, whole=whole, tell=lambda line: print(line, flush=True))
    _append(times, record)
    print(ratio(record["runs"], OURS, REFERENCE))


def _tell(record: Record) -> None:
    metrics, training = record["metrics"], record["training"]
    print(
        f"{record['data']} · {record['model']} ({record['answers']}): Recall@20 {metrics[RECALL]:.4f} · "
        f"MRR@20 {metrics[MRR]:.4f} · {training['seconds']:.0f} s · {training['peak_mb']:,} MB",
        flush=True,
    )


def _append(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _read(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


if __name__ == "__main__":
    sys.exit(main())
