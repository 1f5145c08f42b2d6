"""Sampled candidates: distinct, complete, and corrected by the chance they really had."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.trainer.negatives import SampledNegatives, WholeCatalogue, candidates_for

PLAYS = np.array([0, 1, 5, 40, 400, 3, 3, 90, 0, 17])


@given(
    plays=st.lists(st.integers(0, 10_000), min_size=1, max_size=40),
    power=st.sampled_from([0.0, 0.5, 0.75, 1.0]),
    negatives=st.integers(1, 60),
    seed=st.integers(0, 1000),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_every_target_is_found_among_distinct_candidates(
    plays: list[int], power: float, negatives: int, seed: int, data: st.DataObject
) -> None:
    targets = np.array(data.draw(st.lists(st.integers(0, len(plays) - 1), min_size=1, max_size=20)))
    sampler = SampledNegatives(np.array(plays), negatives, power)
    candidates = sampler.candidates(targets, np.random.default_rng(seed))
    assert candidates.rows is not None
    assert candidates.correction is not None
    assert bool(np.all(np.diff(candidates.rows) > 0))
    assert 0 <= candidates.rows.min() <= candidates.rows.max() < len(plays)
    assert bool(np.all(candidates.rows[candidates.columns] == targets))
    assert bool(np.all(candidates.correction >= 0))
    assert bool(np.all(np.isfinite(candidates.correction)))


def test_the_correction_is_the_measured_chance_of_being_a_candidate() -> None:
    """Draw many batches as training would and count how often each track is among the candidates."""
    sampler = SampledNegatives(PLAYS, 6, 0.5)
    generator = np.random.default_rng(12)
    rounds, seen = 20_000, np.zeros(len(PLAYS))
    stated = np.full(len(PLAYS), np.nan)
    for _ in range(rounds):
        targets = generator.choice(len(PLAYS), 4, p=PLAYS / PLAYS.sum())
        candidates = sampler.candidates(targets, generator)
        assert candidates.rows is not None
        assert candidates.correction is not None
        seen[candidates.rows] += 1
        stated[candidates.rows] = np.exp(-candidates.correction)
    np.testing.assert_allclose(seen / rounds, stated, atol=0.015)


def test_the_corrected_sum_estimates_the_sum_over_the_catalogue() -> None:
    """What logQ is for: sampled sums of exponentials are right on average."""
    sampler = SampledNegatives(PLAYS, 6, 0.5)
    generator = np.random.default_rng(13)
    weights = np.exp(generator.normal(size=len(PLAYS)))
    sums = []
    for _ in range(20_000):
        targets = generator.choice(len(PLAYS), 4, p=PLAYS / PLAYS.sum())
        candidates = sampler.candidates(targets, generator)
        assert candidates.rows is not None
        assert candidates.correction is not None
        sums.append(float((weights[candidates.rows] * np.exp(candidates.correction)).sum()))
    assert np.mean(sums) == pytest.approx(weights.sum(), rel=0.02)


@pytest.mark.parametrize(("power", "expected"), [(0.0, 1.0), (1.0, 10.0), (0.5, np.sqrt(10.0))])
def test_negatives_follow_a_power_of_the_plays(power: float, expected: float) -> None:
    sampler = SampledNegatives(np.array([100, 10]), 1, power)
    generator = np.random.default_rng(14)
    none = np.empty(0, np.int64)
    drawn = np.concatenate([sampler.candidates(none, generator).rows for _ in range(20_000)])
    often, seldom = np.bincount(drawn)
    assert often / seldom == pytest.approx(expected, rel=0.08)


def test_a_small_catalogue_is_ranked_whole() -> None:
    chosen = candidates_for(np.ones(5000, np.int64), 100, 0.5, full_softmax_up_to=5000)
    assert isinstance(chosen, WholeCatalogue)
    candidates = chosen.candidates(np.array([3, 3]), np.random.default_rng(0))
    assert candidates.rows is None
    assert candidates.columns.tolist() == [3, 3]
    assert isinstance(candidates_for(np.ones(5001, np.int64), 100, 0.5, 5000), SampledNegatives)
