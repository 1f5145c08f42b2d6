"""The serving benchmark charges delays to who waited, and names what was missed."""

import numpy as np
import pytest

from benchmarks.serving_load import Load, zipf
from benchmarks.serving_processes import Taken
from benchmarks.serving_report import Result, Step, missed, recovery_s


def load(*rates: tuple[float, float]) -> Load:
    return Load(8000, list(rates), 100, "tracks.txt", ["ann"])


def step(rate: float, p90: float, *, asked: int = 100, answered: int = 100) -> Step:
    used = {"server": Taken(0.05, 900.0, 500.0)}
    return Step(rate, 1.0, asked, answered, asked - answered, 1.0, p90, 2 * p90, 3 * p90, {}, used, 0.01, [])


def result(*steps: Step) -> Result:
    return Result("2026-11-23", "a machine", 1_000_000, 1000.0, 2, {}, list(steps), target=len(steps) - 1)


def test_requests_are_due_at_even_times_whatever_the_rate_before() -> None:
    assert load((2, 1.0), (4, 0.5)).due_s() == [0.0, 0.5, 1.0, 1.25]


def test_most_ask_for_what_is_popular() -> None:
    ranks = zipf(np.random.default_rng(1), 1000, 20_000)
    assert ranks.min() >= 0
    assert ranks.max() < 1000
    counts = np.bincount(ranks, minlength=1000)
    assert counts[0] == pytest.approx(2 * counts[1], rel=0.2)


def test_sustained_is_the_highest_rate_at_which_everybody_was_answered_in_time() -> None:
    found = result(step(100, 5.0), step(200, 40.0), step(400, 51.0), step(800, 10.0, answered=99))
    assert found.sustained() == 200


def test_each_missed_target_is_named() -> None:
    assert missed(result(step(1000, 19.0))) == []
    late, refused = missed(result(step(1000, 21.0, answered=98)))
    assert late == "p90 ms: 21, wanted 20"
    assert refused == "errors: 2, wanted 0"


def test_a_flood_is_over_with_the_last_late_or_refused_request_after_it() -> None:
    output = {"due_s": [0.0, 1.0, 2.0, 2.5, 3.0], "latencies_ms": [900, 900, 10, 80, 10], "statuses": [503] + [200] * 4}
    assert recovery_s(output, 2.0, 50.0) == 0.5
    assert recovery_s({**output, "latencies_ms": [1] * 5}, 2.0, 50.0) == 0.0
