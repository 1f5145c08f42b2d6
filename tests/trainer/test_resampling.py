"""Intervals over sessions: where they lie, and that pairing makes them narrow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trainer.resampling import SessionTotals


def totals(values: np.ndarray, session: np.ndarray) -> SessionTotals:
    return SessionTotals.of(session, {"figure": values})


def test_means_are_over_targets_not_over_sessions() -> None:
    judged = totals(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 7]))
    assert judged.means() == {"figure": 0.75}
    assert judged.counts.tolist() == [3, 1]


def test_an_interval_holds_the_mean_and_narrows_with_more_sessions() -> None:
    random = np.random.default_rng(3)
    values = (random.random(4000) < 0.3).astype(np.float64)
    few = totals(values[:100], np.arange(100)).intervals()["figure"]
    many = totals(values, np.arange(4000)).intervals()["figure"]
    assert many.low < values.mean() < many.high
    # The standard error of a share p over n is sqrt(p (1 - p) / n); a 95 % interval is 3.92 of them wide.
    assert many.high - many.low == pytest.approx(3.92 * np.sqrt(0.3 * 0.7 / 4000), rel=0.15)
    assert few.high - few.low > 4 * (many.high - many.low)


def test_targets_of_one_session_count_as_one_observation() -> None:
    values = np.repeat(np.array([0.0, 1.0] * 10), 50)
    together = totals(values, np.repeat(np.arange(20), 50)).intervals()["figure"]
    apart = totals(values, np.arange(1000)).intervals()["figure"]
    assert together.high - together.low > 4 * (apart.high - apart.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    judged = totals(np.arange(30.0), np.arange(30))
    assert judged.intervals() == judged.intervals()
    assert judged.intervals(seed=1) != judged.intervals(seed=2)


def test_a_paired_difference_sees_what_two_intervals_do_not() -> None:
    random = np.random.default_rng(5)
    hard = random.random(300)
    one, other = totals(hard + 0.01, np.arange(300)), totals(hard, np.arange(300))
    assert one.intervals()["figure"].low < other.intervals()["figure"].high
    assert one.minus(other).intervals()["figure"].low > 0


def test_models_judged_on_different_targets_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same targets"):
        totals(np.ones(3), np.arange(3)).minus(totals(np.ones(3), np.array([0, 0, 1])))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_interval_stays_within_the_values(values: list[float]) -> None:
    interval = totals(np.array(values), np.arange(len(values))).intervals(resamples=40)["figure"]
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
