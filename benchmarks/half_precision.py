"""What half precision does to rankings: every test session is heard twice, event by event, as a service would.

    python -m benchmarks.half_precision --data gratefuldead

Trains a short network of 128 numbers a state, then compares the rankings of the two precisions, with the states stored
and read back after every event, and says how many bytes the states take.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np

from app.domain.ranking import StepRequest
from app.domain.session import StampedHidden
from app.rnn.hidden_bytes import Precision
from app.rnn.predictor import Predictor
from app.rnn.threads import use_threads
from app.trainer.recipe import find_recipe
from app.trainer.training import train
from benchmarks.quality_data import NAMES, Measured, load

TOP = 20
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
CHANGES = {"hidden_size": 128, "output_size": 128, "embedding_size": 128, "epochs": 2, "refit": False, "mixture": False}


@dataclass
class Heard:
    """What one precision came to: the rankings in order, where each target stood, and the bytes of each state."""

    rankings: list[tuple[int, ...]] = field(default_factory=list)
    reciprocal: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return float(np.mean([place > 0 for place in self.reciprocal]))

    @property
    def mrr(self) -> float:
        return float(np.mean(self.reciprocal))


def trained(measured: Measured) -> Predictor:
    recipe = find_recipe("gru").changed(CHANGES)
    with tempfile.TemporaryDirectory() as folder:
        network = train(measured.training, recipe, Path(folder)).network
    return Predictor("measured", network, measured.training.catalogue)


def heard(predictor: Predictor, measured: Measured, precision: Precision) -> Heard:
    """Hear all test sessions at once, one event of each at a time."""
    predictor.precision = precision
    result = Heard()
    states: dict[int, StampedHidden] = {}
    known = set(measured.training.sessions.tracks.tolist())
    for step in steps(measured):
        requests = [StepRequest(states.get(number), (track,), (track,), frozenset(), TOP) for number, track, _ in step]
        for (number, _, target), answer in zip(step, predictor.step(requests), strict=True):
            states[number] = answer.hidden
            result.sizes.append(len(answer.hidden.data))
            if target in known or not measured.seen_only:
                tracks = tuple(answer.ranking.tracks)
                result.rankings.append(tracks)
                result.reciprocal.append(1 / (tracks.index(target) + 1) if target in tracks else 0.0)
    return result


def steps(measured: Measured) -> Iterator[list[tuple[int, int, int]]]:
    """Yield (session, track, the track after it) of every session that is that long."""
    offsets, tracks = measured.test.offsets.tolist(), measured.test.tracks.tolist()
    sessions = [tracks[begin:end] for begin, end in pairwise(offsets)]
    for place in range(max(map(len, sessions)) - 1):
        yield [
            (number, session[place], session[place + 1])
            for number, session in enumerate(sessions)
            if place + 1 < len(session)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=NAMES, default="gratefuldead")
    parser.add_argument("--sessions", type=int, help="only about so many of the newest sessions, for a quick look")
    chosen = parser.parse_args()
    use_threads(1)
    measured = load(chosen.data, chosen.sessions)
    predictor = trained(measured)
    results = {precision: heard(predictor, measured, precision) for precision in PRECISIONS}
    print("| data | precision | R@20 | MRR@20 | bytes of a state, mean / most | targets |\n|---|---|---|---|---|---|")
    for precision, result in results.items():
        sizes = f"{np.mean(result.sizes):.1f} / {max(result.sizes)}"
        print(
            f"| {measured.name} | {precision} | {result.recall:.4f} | {result.mrr:.4f} | {sizes} "
            f"| {len(result.rankings):,} |"
        )
    pairs = list(zip(*(result.rankings for result in results.values()), strict=True))
    same = np.mean([set(one) == set(other) for one, other in pairs])
    ordered = np.mean([one == other for one, other in pairs])
    shared = np.mean([len(set(one) & set(other)) / TOP for one, other in pairs])
    first = np.mean([one[0] == other[0] for one, other in pairs])
    print(
        f"\nsame {TOP} tracks {same:.2%}, in the same order {ordered:.2%}, same first track {first:.2%}, "
        f"tracks in both {shared:.3%}"
    )


if __name__ == "__main__":
    main()
