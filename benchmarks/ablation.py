"""What each part of the recipe `gru` is worth: learned whole, and once for each part without it or in its place.

    python -m benchmarks.ablation --data gratefuldead
    python -m benchmarks.ablation --data nowplaying --sessions 8000 --parts whole logq cosine --seeds 1 2 3

All are trained as `segue train` does it, mixed, and judged on the same test targets, the network alone and as served.
`benchmarks/results/ablation.jsonl` keeps their lines, so that parts may be learned one at a time. Knows nothing of how
a part is carried out.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.trainer.recipe import Recipe, find_recipe
from benchmarks.quality_data import NAMES, load
from benchmarks.quality_run import NETWORK, SERVED, Question, Record, answer

RESULTS = Path(__file__).parent / "results" / "ablation.jsonl"
WHOLE = "whole"
PARTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    WHOLE: ("the recipe as it is", {}),
    "start": ("tables start at random", {"cooccurrence_start": False, "pull_back": False}),
    "pull-back": ("no pull-back", {"pull_back": False}),
    "cosine": ("a plain softmax with a bias", {"normalised": False, "output_bias": True, "pull_back": False}),
    "logq": ("no logQ", {"log_q": False}),
    "join": ("the last track not joined to the output", {"skip_input": False, "residual": 0.0}),
    "one-table": ("one table reads and ranks", {"tied": True}),
    "sessions": (
        "one-step gradients, 64 sessions side by side",
        {"session_parallel": 64, "learn_start": False, "choose_half_life": False},
    ),
    "dropout": ("no dropout", {"dropout": 0.0, "input_dropout": 0.0}),
    "refit": ("no refit on all sessions", {"refit": False}),
    "narrow": ("100 numbers in place of 200", {"hidden_size": 100, "embedding_size": 100, "output_size": 100}),
    "cells": ("Elman cells", {"rnn_kind": "elman"}),
    "lstm": ("LSTM cells", {"rnn_kind": "lstm"}),
    "mingru": ("minGRU cells: linear, gates from the input alone", {"rnn_kind": "mingru"}),
    "lru": ("linear recurrent units over complex numbers", {"rnn_kind": "lru"}),
    "layer-norm": ("layer norm", {"layer_norm": True}),
    "few-negatives": ("512 negatives", {"negatives": 512}),
    "many-negatives": ("8,192 negatives", {"negatives": 8192}),
    "uniform": ("negatives drawn alike", {"negatives_power": 0.0}),
    "by-plays": ("negatives drawn by plays", {"negatives_power": 1.0}),
    "recency": ("sessions of all times alike", {"choose_half_life": False}),
    "in-batch": ("the batch's other targets for negatives", {"negatives": 0}),
    "constant-rate": ("rates that neither rise nor fall", {"warm_up": 0.0, "final_rate": 1.0}),
    "neighbours": ("no neighbours in the mixture", {"mixture_neighbours": False}),
    "transitions": ("no transitions in the mixture", {"mixture_transitions": False}),
    "repeats": ("no repeats in the mixture", {"mixture_repeats": False}),
    "traits": ("vectors of artists, genres and tags", {"traits": True}),
}
"""What may be taken out or put in its place, by a short name: in words, and the settings that do it."""


def variant(recipe: Recipe, part: str) -> Recipe:
    """Return the recipe without a part, or with what stands in its place."""
    return recipe.changed(PARTS[part][1])


def render(records: Sequence[Record]) -> str:
    """Return the records as one table: means over seeds, and how far Recall@20 lies from that of the whole recipe."""
    lines = [
        "| | network alone | served | difference | log-loss alone, served | CPU s | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    whole = _mean(records, WHOLE, SERVED, "recall@20")
    for part, (words, _) in PARTS.items():
        own = [record for record in records if record["part"] == part]
        if not own:
            continue
        found = [
            " / ".join(_short(_mean(own, part, answers, figure)) for figure in ("recall@20", "mrr@20"))
            for answers in (NETWORK, SERVED)
        ]
        losses = ", ".join(f"{_mean(own, part, answers, 'log_loss'):.2f}" for answers in (NETWORK, SERVED))
        seconds = np.mean([record["training"]["cpu_seconds"] for record in own])
        gain = "" if part == WHOLE else f"{_mean(own, part, SERVED, 'recall@20') - whole:+.4f}"
        seeds = len({record["seed"] for record in own})
        lines.append(f"| {words} | {found[0]} | {found[1]} | {gain} | {losses} | {seconds:.0f} | {seeds} |")
    return "\n".join(lines)


def _mean(records: Sequence[Record], part: str, answers: str, figure: str) -> float:
    """Return the mean over seeds of a figure; what mixes nothing in is served as the network is."""
    own = [record for record in records if record["part"] == part]
    kept = [record for record in own if record["answers"] == answers] or own
    return float(np.mean([record["metrics"][figure] for record in kept])) if kept else float("nan")


def _short(value: float) -> str:
    return f"{value:.4f}".lstrip("0")


def newest(records: Sequence[Record], recipe: str, fingerprint: str) -> list[Record]:
    """Return the newest record of each part of a recipe, seed and way of answering on the data of this fingerprint."""
    kept = {
        (record["part"], record["seed"], record["answers"]): record
        for record in records
        if (record["model"], record["data_facts"]["fingerprint"]) == (recipe, fingerprint)
    }
    return list(kept.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn what was asked for, print the table of that and of what was learned before; return the exit status."""
    chosen = _parser().parse_args(arguments)
    recipe = find_recipe(chosen.recipe)
    fingerprint = load(chosen.data, chosen.sessions).training.fingerprint
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    for part in chosen.parts:
        changed = tuple(f"{name}={value}" for name, value in PARTS[part][1].items())
        for seed in chosen.seeds:
            asked = replace(variant(recipe, part), seed=seed)
            records = answer(Question(chosen.data, asked, chosen.sessions, changed, chosen.threads))
            with chosen.results.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(record | {"part": part}) + "\n" for record in records)
    lines = chosen.results.read_text("utf-8").splitlines() if chosen.results.is_file() else []
    print(render(newest([json.loads(line) for line in lines], recipe.name, fingerprint)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="gratefuldead", help=f"{', '.join(NAMES)}, or the path of another")
    parser.add_argument("--recipe", default="gru", help="what the parts are taken from, a name or a TOML file")
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS), metavar="PART", help=_parts())
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--sessions", type=int, help="learn from the newest so many sessions only")
    parser.add_argument("--threads", type=int, help="processor threads; measured if left out")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file the lines go to")
    return parser


def _parts() -> str:
    return "; ".join(f"{name}: {words}" for name, (words, _) in PARTS.items())


if __name__ == "__main__":
    sys.exit(main())
