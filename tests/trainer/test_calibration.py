"""Calibration worked out by hand, and the laws it keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.trainer.calibration import ReliabilityCount, reliability

events = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=60)


def columns(pairs: list[tuple[float, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


def test_the_error_is_the_mean_distance_of_share_and_probability() -> None:
    """Two bins: said 0.1 and 0.3, right 0 of 2; said 0.6 and 0.8, right 2 of 2: (0.2 + 0.3) / 2."""
    found = reliability(np.array([0.8, 0.1, 0.6, 0.3]), np.array([True, False, True, False]), bins=2)
    assert [(each.targets, each.share) for each in found.bins] == [(2, 0.0), (2, 1.0)]
    assert [each.probability for each in found.bins] == pytest.approx([0.2, 0.7])
    assert found.error == pytest.approx(0.25)
    assert found.to_list()[0] == {"targets": 2, "probability": pytest.approx(0.2), "share": 0.0}


def test_bins_hold_about_as_many_targets_each() -> None:
    found = reliability(np.linspace(0, 1, 150) ** 4, np.zeros(150, np.bool_))
    assert [each.targets for each in found.bins] == [10] * 15


def test_what_happens_as_often_as_said_has_next_to_no_error() -> None:
    generator = np.random.default_rng(5)
    said = generator.random(200_000)
    assert reliability(said, generator.random(200_000) < said).error < 0.005
    assert reliability(said, generator.random(200_000) < said**2).error == pytest.approx(1 / 6, abs=0.005)


@given(events, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(pairs: list[tuple[float, bool]], random: "np.random.Generator") -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    one, other = reliability(*columns(pairs)), reliability(*columns(shuffled))
    assert one.error == pytest.approx(other.error)
    assert [each.targets for each in one.bins] == [each.targets for each in other.bins]


@given(events)
def test_the_error_lies_between_0_and_1_and_at_least_that_of_a_single_bin(pairs: list[tuple[float, bool]]) -> None:
    said, happened = columns(pairs)
    error = reliability(said, happened).error
    assert -1e-12 <= error <= 1 + 1e-12
    assert error >= reliability(said, happened, bins=1).error - 1e-12


def test_the_first_track_and_the_first_ones_are_counted_apart() -> None:
    count = ReliabilityCount(targets=3, depth=2)
    tops = np.array([[4, 5], [6, 7], [8, 9]], np.int32)
    probabilities = np.array([[0.5, 0.25], [0.5, 0.25], [0.5, 0.25]])
    count.add(np.array([2, 0, 1]), np.array([4, 7, 1], np.int32), tops, probabilities)
    found = count.reliabilities(np.ones(3, np.bool_))
    first, both = found[1].bins[0], found[2].bins[0]
    assert (first.probability, first.share) == pytest.approx((0.5, 1 / 3))
    assert (both.probability, both.share) == pytest.approx((0.75, 2 / 3))
    assert count.reliabilities(np.array([True, True, False]))[1].bins[0].share == 0.0


def test_a_model_without_probabilities_has_no_calibration() -> None:
    assert not ReliabilityCount(targets=3, depth=20).reliabilities(np.ones(3, np.bool_))
