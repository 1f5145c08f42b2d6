"""Tallies, and a test that is looked at all the time without crying wolf."""

import random
from math import log, sqrt

import numpy as np
import pytest

from app.domain.online import (
    ALPHA,
    BUCKETS,
    TIGHTEST,
    Arm,
    Tally,
    Trial,
    bucket_of,
    compare,
)


def test_a_play_counts_where_it_stood() -> None:
    assert Trial(4, 1.5).tally == Tally(1, 1, 0.25, 1.5, 1, 0)
    assert Trial(20, 1.5).tally.hits == 1
    assert Trial(21, 1.5).tally == Tally(1, 0, 0.0, 1.5, 0, 0)
    assert Trial(None, 9.0).tally == Tally(1, 0, 0.0, 9.0, 0, 0)


def test_a_skip_counts_against_what_was_offered() -> None:
    """Once: its play, where there was one, has been counted as offered."""
    assert Trial(4, 1.5, skipped=True).tally == Tally(offered=1, skipped=1)
    assert Trial(4, 1.5, skipped=True, was_offered=False).tally == Tally(skipped=1)
    assert Trial(40, 1.5, skipped=True).tally == Tally()


def test_listeners_are_spread_over_all_buckets() -> None:
    counts = [0] * BUCKETS
    for number in range(64_00):
        counts[bucket_of(f"listener {number}")] += 1
    assert min(counts) > 60
    assert max(counts) < 150
    assert bucket_of("ann") == bucket_of("ann")


def arm(label: str, tallies: dict[int, Tally]) -> Arm:
    return Arm("some", label, "other", tallies)


def test_the_interval_is_that_of_the_papers() -> None:
    """By hand: ratio, delete-a-group jackknife, normal mixture."""
    chance = random.Random(1)
    sides = [{b: Tally(plays=40, hits=chance.randrange(10, 20)) for b in range(BUCKETS)} for _ in range(2)]
    found = compare(arm("stable", sides[0]), arm("canary", sides[1]))
    rates = [[tally.hits / tally.plays for tally in side.values()] for side in sides]
    means = [sum(side) / BUCKETS for side in rates]
    # With buckets of one size the jackknife is the common error of a mean.
    variance = sum(
        sum((rate - mean) ** 2 for rate in side) / (BUCKETS - 1) / BUCKETS
        for side, mean in zip(rates, means, strict=True)
    )
    information = 1 / variance
    reach = sqrt((information + TIGHTEST) * log((information + TIGHTEST) / (TIGHTEST * ALPHA**2))) / information
    assert found.difference == pytest.approx(means[1] - means[0])
    assert (found.low, found.high) == pytest.approx((means[1] - means[0] - reach, means[1] - means[0] + reach))


@pytest.mark.parametrize(("buckets", "plays"), [(0, 0), (31, 100), (64, 7)])
def test_nothing_is_said_of_too_little(buckets: int, plays: int) -> None:
    enough = arm("stable", {b: Tally(plays=100, hits=50) for b in range(BUCKETS)})
    little = arm("canary", {b: Tally(plays=plays) for b in range(buckets)})
    assert compare(enough, little).verdict == "undecided"
    assert compare(little, enough).difference is None


class Town:
    """Listeners of two arms, each with a taste of their own that is hit more or less often."""

    def __init__(self, seed: int, effect: float, listeners: int = 600) -> None:
        self._chance = np.random.default_rng(seed)
        # A listener's own rate varies widely: who takes events for independent decides too early.
        self._side = np.arange(listeners) % 2
        self._rate = self._chance.beta(2, 3, listeners) * 0.7 + 0.15 + effect * self._side
        self._bucket = self._chance.integers(BUCKETS, size=listeners)
        self._hits, self._plays = np.zeros(listeners), 0

    def verdict(self, plays: int) -> str:
        """Let everybody hear some tracks, and look."""
        self._hits += self._chance.binomial(plays, self._rate)
        self._plays += plays
        return compare(self._arm(0), self._arm(1)).verdict

    def decision(self, looks: int) -> str:
        """Look again and again; stop at the first decision."""
        verdicts = (self.verdict(5) for _ in range(looks))
        return next((verdict for verdict in verdicts if verdict != "undecided"), "undecided")

    def _arm(self, side: int) -> Arm:
        mine = self._side == side
        people = np.bincount(self._bucket[mine], minlength=BUCKETS)
        hits = np.bincount(self._bucket[mine], self._hits[mine], BUCKETS)
        return arm("any", {b: Tally(int(people[b]) * self._plays, int(hits[b])) for b in range(BUCKETS)})


def test_equals_are_seldom_told_apart_however_often_one_looks() -> None:
    """Two hundred trials of one checkpoint against itself, thirty looks each: five percent at most."""
    decided = sum(Town(seed, 0.0).decision(30) != "undecided" for seed in range(200))
    assert decided <= ALPHA * 200


def test_a_worse_canary_is_found_and_a_better_one_too() -> None:
    assert [Town(seed, -0.1).decision(30) for seed in range(20)] == ["worse"] * 20
    assert [Town(seed, 0.1).decision(30) for seed in range(20)] == ["better"] * 20
