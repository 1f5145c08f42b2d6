"""Figures worked out by hand, and the laws between them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trainer.metrics import CUTOFFS, coverage, gains, hits, log_loss, mean_popularity, reciprocal_ranks

PLACES = np.array([1, 2, 5, 20, 21, 400])

some_places = st.lists(st.integers(1, 500), min_size=1, max_size=40).map(np.array)
cutoffs = st.integers(1, 200)


@pytest.mark.parametrize(("k", "expected"), [(1, 1 / 6), (2, 2 / 6), (5, 3 / 6), (20, 4 / 6), (100, 5 / 6)])
def test_recall_is_the_share_of_targets_among_the_first_k(k: int, expected: float) -> None:
    assert hits(PLACES, k).mean() == pytest.approx(expected)


def test_mrr_first_is_one_second_one_half_beyond_k_nothing() -> None:
    assert reciprocal_ranks(PLACES, 20).tolist() == pytest.approx([1, 0.5, 0.2, 0.05, 0, 0])


def test_ndcg_first_is_one_second_one_over_log2_of_three() -> None:
    expected = [1, 1 / math.log2(3), 1 / math.log2(6), 1 / math.log2(21), 0, 0]
    assert gains(PLACES, 20).tolist() == pytest.approx(expected)


def test_coverage_counts_tracks_that_were_recommended_once_or_more() -> None:
    assert coverage(np.array([True, False, True, False])) == 0.5
    assert coverage(np.zeros(0, np.bool_)) == 0.0


def test_popularity_weighs_each_track_by_how_often_it_was_shown() -> None:
    support = np.array([10, 4, 0])
    assert mean_popularity(np.array([1, 3, 0]), support) == pytest.approx((10 + 3 * 4) / 4)
    assert mean_popularity(np.array([0, 0, 0]), support) == 0.0


def test_log_loss_of_a_fair_coin_is_ln_2() -> None:
    assert log_loss(np.log([0.5, 0.5])) == pytest.approx(math.log(2))
    assert log_loss(np.array([0.0, -np.inf])) == math.inf


@given(some_places, cutoffs, cutoffs)
def test_figures_never_fall_as_k_grows(places: np.ndarray, one: int, other: int) -> None:
    few, many = sorted((one, other))
    for measure in (hits, reciprocal_ranks, gains):
        assert (measure(places, few) <= measure(places, many)).all()


@given(some_places, cutoffs)
def test_mrr_is_at_most_ndcg_is_at_most_recall(places: np.ndarray, k: int) -> None:
    assert (reciprocal_ranks(places, k) <= gains(places, k)).all()
    assert (gains(places, k) <= hits(places, k)).all()


@given(some_places, st.randoms(use_true_random=False))
def test_the_order_of_targets_does_not_matter(places: np.ndarray, random: "np.random.Generator") -> None:
    shuffled = places.tolist()
    random.shuffle(shuffled)
    for k in CUTOFFS:
        for measure in (hits, reciprocal_ranks, gains):
            assert measure(places, k).mean() == pytest.approx(measure(np.array(shuffled), k).mean())


@given(some_places)
def test_at_one_all_three_are_the_same(places: np.ndarray) -> None:
    assert hits(places, 1).tolist() == reciprocal_ranks(places, 1).tolist() == gains(places, 1).tolist()
