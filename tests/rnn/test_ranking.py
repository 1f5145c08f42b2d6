"""The ranking against a plain reading of its definition in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import app.rnn.ranking as ranking
from app.rnn.ranking import Ranker

Logits = NDArray[np.float32]


def identity_ranker(logits: Logits) -> tuple[Ranker, torch.Tensor]:
    """Return a ranker and outputs whose logits are exactly the given ones (B, V)."""
    return Ranker(torch.from_numpy(logits.T.copy())), torch.eye(len(logits))


def naive(logits: Logits, excluded: frozenset[int], limit: int) -> tuple[list[int], list[float]]:
    wide = logits.astype(np.float64)
    probabilities = np.exp(wide - wide.max())
    probabilities /= probabilities.sum()
    order = sorted((row for row in range(len(logits)) if row not in excluded), key=lambda row: (-logits[row], row))
    return order[:limit], [float(probabilities[row]) for row in order[:limit]]


@st.composite
def asked(draw: st.DrawFn) -> tuple[Logits, list[frozenset[int]], list[int]]:
    """Logits with many ties, exclusions that reach beyond the catalogue, limits of all sizes."""
    B, V = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 5, 63, 64, 65, 700, 1500]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = draw(st.sampled_from([2, 10, 100_000]))
    logits = (generator.integers(-values, values, (B, V)) / (values / 8)).astype(np.float32)
    excluded = [
        frozenset(generator.choice(V + 5, generator.integers(0, V + 1), replace=False).tolist()) for _ in range(B)
    ]
    limits = [draw(st.sampled_from([0, 1, 3, 10, 2000])) for _ in range(B)]
    return logits, excluded, limits


@given(asked())
@settings(max_examples=120, deadline=None)
def test_top_is_the_naive_ranking(asked: tuple[Logits, list[frozenset[int]], list[int]]) -> None:
    logits, excluded, limits = asked
    ranker, outputs = identity_ranker(logits)
    for row, left_out, limit, answer in zip(
        logits, excluded, limits, ranker.top(outputs, excluded, limits), strict=True
    ):
        tracks, probabilities = naive(row, left_out, limit)
        assert list(answer.tracks) == tracks
        np.testing.assert_allclose(answer.probabilities, probabilities, rtol=1e-4, atol=1e-7)
        assert answer.pool_before == len(row)
        assert answer.pool_after == len(set(range(len(row))) - left_out)


@pytest.mark.parametrize("size", [5000, 9000, 12_345])
def test_blocks_and_groups_do_not_show(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue walked in several blocks, with ties across their borders."""
    monkeypatch.setattr(ranking, "_LOGITS_PER_BLOCK", 1)
    generator = np.random.default_rng(size)
    logits = generator.integers(0, 40, (3, size)).astype(np.float32)
    excluded = [frozenset(generator.choice(size, 300, replace=False).tolist()) for _ in range(3)]
    ranker, outputs = identity_ranker(logits)
    for row, left_out, answer in zip(logits, excluded, ranker.top(outputs, excluded, [10, 70, 400]), strict=True):
        tracks, probabilities = naive(row, left_out, len(answer.tracks))
        assert list(answer.tracks) == tracks
        np.testing.assert_allclose(answer.probabilities, probabilities, rtol=1e-4, atol=1e-9)


def test_the_limit_is_filled_past_the_excluded() -> None:
    ranker, outputs = identity_ranker(np.arange(200, 0, -1, dtype=np.float32)[None])
    answer = ranker.top(outputs, [frozenset(range(150))], [20])[0]
    assert list(answer.tracks) == list(range(150, 170))


def test_all_that_is_left_when_less_than_the_limit() -> None:
    ranker, outputs = identity_ranker(np.ones((1, 6), np.float32))
    answer = ranker.top(outputs, [frozenset({0, 2, 3, 5, -4, 99})], [10])[0]
    assert list(answer.tracks) == [1, 4]
    assert answer.pool_after == 2


def test_equal_logits_go_by_row_and_minus_zero_is_zero() -> None:
    ranker, outputs = identity_ranker(np.array([[-0.0, 0.0, -0.0, 1.0, 0.0]], np.float32))
    assert list(ranker.top(outputs, [frozenset()], [5])[0].tracks) == [3, 0, 1, 2, 4]


def test_probabilities_are_of_the_whole_catalogue() -> None:
    """What is excluded keeps its share: it was probable, only not wanted."""
    ranker, outputs = identity_ranker(np.log(np.array([[0.5, 0.3, 0.2]], np.float32)))
    answer = ranker.top(outputs, [frozenset({0})], [3])[0]
    np.testing.assert_allclose(answer.probabilities, [0.3, 0.2], rtol=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_a_logit_that_is_no_number_ranks_last(bad: float) -> None:
    table = torch.tensor([[bad], [1.0], [2.0]])
    answer = Ranker(table).top(torch.ones(1, 1), [frozenset()], [3])[0]
    assert list(answer.tracks) == [2, 1, 0]
    np.testing.assert_allclose(answer.probabilities, [0.7311, 0.2689, 0.0], atol=1e-4)


def test_an_output_that_is_no_number_does_not_disturb_the_batch() -> None:
    ranker = Ranker(torch.tensor([[1.0], [2.0]]))
    lost, fine = ranker.top(torch.tensor([[float("nan")], [1.0]]), [frozenset()] * 2, [2, 2])
    assert list(lost.tracks) == [0, 1]
    assert all(np.isfinite(lost.probabilities))
    assert list(fine.tracks) == [1, 0]


def test_the_bias_counts() -> None:
    ranker = Ranker(torch.zeros(3, 2), torch.tensor([0.0, 5.0, 1.0]))
    assert list(ranker.top(torch.ones(1, 2), [frozenset()], [3])[0].tracks) == [1, 2, 0]
    assert ranker.places(torch.ones(3, 2), torch.tensor([0, 1, 2])).ranks.tolist() == [3, 1, 2]


def test_nothing_asked_nothing_ranked() -> None:
    ranker = Ranker(torch.zeros(3, 2))
    assert ranker.top(torch.empty(0, 2), [], []) == []
    answer = ranker.top(torch.ones(1, 2), [frozenset({1})], [0])[0]
    assert (list(answer.tracks), answer.pool_before, answer.pool_after) == ([], 3, 2)
    assert len(ranker.places(torch.empty(0, 2), torch.empty(0, dtype=torch.int64)).ranks) == 0


@given(seed=st.integers(0, 2**32), size=st.sampled_from([1, 3, 64, 500]), values=st.sampled_from([2, 1000]))
@settings(max_examples=60, deadline=None)
def test_places_count_ties_against_the_model(seed: int, size: int, values: int) -> None:
    generator = np.random.default_rng(seed)
    logits = (generator.integers(0, values, (5, size)) / values).astype(np.float32)
    targets = generator.integers(0, size, 5)
    ranker, outputs = identity_ranker(logits)
    places = ranker.places(outputs, torch.from_numpy(targets))
    for row, target, rank, log_probability in zip(
        logits, targets, places.ranks.tolist(), places.log_probabilities.tolist(), strict=True
    ):
        others = np.delete(row, target)
        assert rank == 1 + int((others >= row[target]).sum())
        _, probabilities = naive(row, frozenset(set(range(size)) - {int(target)}), 1)
        assert log_probability == pytest.approx(np.log(probabilities[0]), abs=1e-4)


def test_places_in_many_blocks_are_those_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ranker = Ranker(torch.randn(300, 4), torch.randn(300))
    outputs, targets = torch.randn(50, 4), torch.randint(300, (50,))
    whole = ranker.places(outputs, targets)
    monkeypatch.setattr(ranking, "_LOGITS_PER_BUFFER", 300 * 7)
    monkeypatch.setattr(ranking, "_LOGITS_PER_LOOK", 300 * 2)
    parts = ranker.places(outputs, targets)
    assert torch.equal(parts.ranks, whole.ranks)
    torch.testing.assert_close(parts.log_probabilities, whole.log_probabilities)


def test_a_target_that_is_no_number_is_last() -> None:
    ranker = Ranker(torch.tensor([[float("nan")], [1.0], [2.0]]))
    assert ranker.places(torch.ones(2, 1), torch.tensor([0, 1])).ranks.tolist() == [3, 3]


def test_the_place_is_where_the_track_stands_in_the_ranking() -> None:
    """Evaluation and server tell the same story."""
    ranker = Ranker(torch.randn(400, 6), torch.randn(400))
    outputs = torch.randn(8, 6)
    for row, answer in zip(outputs, ranker.top(outputs, [frozenset()] * 8, [20] * 8), strict=True):
        places = ranker.places(row.repeat(20, 1), torch.tensor(answer.tracks))
        assert places.ranks.tolist() == list(range(1, 21))
        np.testing.assert_allclose(places.log_probabilities.exp().numpy(), answer.probabilities, rtol=1e-4)
