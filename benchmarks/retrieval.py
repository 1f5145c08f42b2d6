"""What ranking a large catalogue costs, and how good it is: the index of a checkpoint beside the exact product.

    python -m benchmarks.large_catalogue --tracks 1000000 --store data/large --promote
    python -m benchmarks.retrieval --store data/large
    python -m benchmarks.retrieval --store data/large --others

Outputs are those after the playlists the index was measured with, each with some tracks excluded; times are of one
thread. `--others` builds other indexes of faiss over the same rows as they are, without the checkpoint's space, and
compares how many of the exact first 20 are among their candidates. Memory is this process's share (PSS) of all it maps.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.rnn.predictor import Predictor
from app.rnn.rankers import exact_ranker
from app.rnn.ranking import Ranker
from app.rnn.retrieval.building import outputs_after
from app.rnn.retrieval.ranker import IndexedRanker
from app.rnn.threads import use_threads
from app.stores.checkpoints import CheckpointStore

N = 20
EXCLUDED = 60
BATCHES = (1, 8, 32)
ROUNDS = 64
OTHERS = {
    "IVF2048, 8 bits": ("IVF2048,SQ8", [{"nprobe": probes} for probes in (8, 16, 32, 64, 128)]),
    "IVF2048, 4-bit PQ": ("IVF2048,PQ64x4fsr", [{"nprobe": probes} for probes in (16, 64, 128)]),
    "HNSW32, 8 bits": ("HNSW32,SQ8", [{"efSearch": effort} for effort in (64, 128, 256, 512)]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--checkpoint", default="stable")
    parser.add_argument("--outputs", type=int, default=512, help="outputs to judge by")
    parser.add_argument("--others", action="store_true", help="build and compare other indexes: minutes, gigabytes")
    asked = parser.parse_args()
    use_threads(1)
    faiss.omp_set_num_threads(1)
    begun = time.perf_counter()
    predictor = CheckpointStore(asked.store).load(asked.checkpoint)
    print(f"{predictor.checkpoint_id}: {len(predictor.catalogue):,} tracks, loaded in {_since(begun):.1f} s")
    ranker, exact = predictor.ranker, exact_ranker(predictor.network)
    assert isinstance(ranker, IndexedRanker), (
        "Expected a checkpoint with an index; build one of 150,000 tracks and more."
    )
    print(f"{len(ranker.index.clusters)} clusters, {ranker.index.settings}")
    outputs = outputs_after(predictor.network, ranker.index.playlists)[: asked.outputs]
    print(f"memory (PSS): {_pss_mb():.0f} MB")
    for size in BATCHES:
        print(f"  index, batches of {size:2}: {_microseconds(ranker, outputs, size):8.0f} us a request")
    print(f"  exact, batches of  8: {_microseconds(exact, outputs, 8, rounds=2):8.0f} us a request")
    best, log_total = _truth(exact, outputs)
    found, estimated = _truth(ranker, outputs)
    errors = estimated - log_total
    print(
        f"  recall@{N} {_recall(best, found):.4f}, error of log Z: mean {errors.mean():+.4f}, standard deviation "
        f"{errors.std():.4f}, 99 % below {errors.abs().quantile(0.99):.4f}, highest {errors.abs().max():.4f}"
    )
    if asked.others:
        _compare(predictor, outputs, best)


def _compare(predictor: Predictor, outputs: Tensor, best: Tensor) -> None:
    """Print recall and time of other indexes, over rows with the bias as a last number."""
    network = predictor.network
    rows, bias = network.ranking_table().numpy(), network.ranking_bias()
    table = np.concatenate((rows, np.zeros((len(rows), 1), np.float32) if bias is None else bias.numpy()[:, None]), 1)
    asked = np.concatenate((outputs.numpy(), np.ones((len(outputs), 1), np.float32)), 1)
    table, asked = (np.ascontiguousarray(np.pad(each, ((0, 0), (0, 7)))) for each in (table, asked))
    for name, (factory, settings) in OTHERS.items():
        begun = time.perf_counter()
        index = faiss.index_factory(table.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        index.train(table[:: max(len(table) // 131_072, 1)])
        index.add(table)
        print(f"  {name}: built in {_since(begun):.0f} s")
        for changes in settings:
            for key, value in changes.items():
                faiss.ParameterSpace().set_index_parameter(index, key, value)
            found, spent = _searched(index, asked, 256)
            print(f"    {changes}: {N} best among 256 {_recall(best, torch.from_numpy(found)):.4f}, {spent:.0f} us")


def _searched(index: Any, asked: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], float]:
    found, spent = [], []
    for first in range(0, len(asked), 8):
        begun = time.perf_counter()
        found.append(index.search(asked[first : first + 8], count)[1])
        spent.append(_since(begun) / len(found[-1]) * 1e6)
    return np.concatenate(found), float(np.median(spent))


def _microseconds(ranker: Ranker, outputs: Tensor, size: int, rounds: int = ROUNDS) -> float:
    """Return the median of what one request of a batch takes."""
    draw = np.random.default_rng(1)
    excluded = [frozenset(draw.integers(0, len(ranker), EXCLUDED).tolist()) for _ in range(size)]

    def answer(part: Tensor) -> Callable[[], object]:
        return lambda: ranker.top(part, excluded, [N] * size)

    parts = [part for part in torch.split(outputs, size) if len(part) == size][:rounds]
    return float(np.median([_timed(answer(part)) for part in parts])) / size * 1e6


def _timed(what: Callable[[], object]) -> float:
    begun = time.perf_counter()
    what()
    return _since(begun)


def _truth(ranker: Ranker, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first rows (B, N) and log totals (B,) as a ranker sees them."""
    nothing = torch.empty(0, dtype=torch.int64)
    parts = [
        ranker.survey(part, (nothing, nothing), [frozenset()] * len(part), N, 0) for part in torch.split(outputs, 64)
    ]
    return torch.cat([part.first_rows for part in parts]), torch.cat([part.log_total for part in parts])


def _recall(best: Tensor, found: Tensor) -> float:
    return float((best[: len(found)].unsqueeze(2) == found.unsqueeze(1)).any(2).float().mean())


def _pss_mb() -> float:
    return next(kilobytes for name, kilobytes in _rollup() if name == "Pss") / 1024


def _rollup() -> Iterator[tuple[str, int]]:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        yield name, int(value.split()[0])


def _since(begun: float) -> float:
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
