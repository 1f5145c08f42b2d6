"""How many processor threads the matrix products of this process use. Knows nothing of what they compute."""

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# Threads that gain less than this are left to others: on a busy machine each waits for the slowest of all.
WORTH_IT = 1.15
ROUNDS = 5
_TRY_S = 0.1


def use_threads(count: int | None) -> None:
    """Let torch use this many threads, or, for None, as many as a step of learning is fastest with just now."""
    if count is None:
        choose_threads()
    else:
        torch.set_num_threads(count)


def choose_threads() -> int:
    """Time what a step of learning consists of with one thread, half of all and all; use the fastest, and return it.

    Takes a few seconds where there is a choice. `OMP_NUM_THREADS` says how many all are.
    """
    every = torch.get_num_threads()
    return fastest(sorted({1, max(1, every // 2), every}), _Step())


def fastest(counts: Sequence[int], work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> int:
    """Use the number of threads with which work is done most often, the smaller where more gain little; return it.

    The counts take turns, so that whatever else the machine does slows all alike; the best round of each counts.
    """
    best = dict.fromkeys(counts, 0.0)
    for _ in range(ROUNDS if len(counts) > 1 else 0):
        for count in counts:
            use_threads(count)
            best[count] = max(best[count], _pace(work, clock))
    chosen = counts[0]
    for count in counts[1:]:
        if best[count] > WORTH_IT * best[chosen]:
            chosen = count
    use_threads(chosen)
    return chosen


def _pace(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how often work is done in a second."""
    work()  # wakes the threads
    done, started = 0, clock()
    while (elapsed := clock() - started) < _TRY_S:
        work()
        done += 1
    return done / elapsed


class _Step:
    """The products of one step of a usual recipe: a recurrence over 20 tracks, a softmax over a sample."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self._inputs = torch.randn(20, 38, 200, generator=generator)
        self._weights = (torch.randn(200, 200, generator=generator) / 14).requires_grad_()
        self._rows = torch.randn(2800, 200, generator=generator).requires_grad_()

    def __call__(self) -> None:
        state, states = torch.zeros(38, 200), list[Tensor]()
        for step in self._inputs:
            state = torch.tanh(step + state @ self._weights)
            states.append(state)
        (torch.cat(states) @ self._rows.T).logsumexp(1).mean().backward()  # type: ignore[no-untyped-call]
        self._weights.grad = self._rows.grad = None
