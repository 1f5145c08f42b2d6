"""Ranking by an index against ranking everything."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rnn.rankers import exact_ranker
from app.rnn.retrieval.building import as_playlists, outputs_after
from app.rnn.retrieval.index import Settings
from app.rnn.retrieval.ranker import IndexedRanker
from tests.rnn.retrieval.indexes import CLUSTERS, V, clustered_network, playlists, small_index

NETWORK = clustered_network()
EXACT = exact_ranker(NETWORK)
OUTPUTS = outputs_after(NETWORK, as_playlists(playlists(1, 40)))


def ranker(probes: int, head: int = 64) -> IndexedRanker:
    index = small_index().with_settings(Settings(probes, head))
    return IndexedRanker(NETWORK.stored_table, NETWORK.ranking_bias(), index, NETWORK.ranking_rows)


def test_with_every_cluster_searched_the_tracks_are_the_exact_ones() -> None:
    limits, nothing = [20] * len(OUTPUTS), [frozenset[int]()] * len(OUTPUTS)
    for found, exact in zip(
        ranker(CLUSTERS).top(OUTPUTS, nothing, limits), EXACT.top(OUTPUTS, nothing, limits), strict=True
    ):
        assert found.tracks == exact.tracks
        assert found.probabilities == pytest.approx(exact.probabilities, rel=0.1)
        assert (found.pool_before, found.pool_after) == (V, V)


@st.composite
def requests(draw: st.DrawFn) -> tuple[torch.Tensor, list[frozenset[int]], list[int]]:
    """Some outputs with exclusions around their best tracks and limits up to everything that is left."""
    places = draw(st.lists(st.integers(0, len(OUTPUTS) - 1), min_size=1, max_size=9))
    best = EXACT.top(OUTPUTS[places], [frozenset()] * len(places), [V] * len(places))
    barred = [draw(st.sampled_from([0, 1, 30, 100, 2990])) for _ in places]
    excluded = [frozenset({*ranking.tracks[:count], -1, V}) for ranking, count in zip(best, barred, strict=True)]
    return OUTPUTS[places], excluded, [draw(st.sampled_from([0, 1, 20, 500])) for _ in places]


@given(requests())
@settings(max_examples=30, deadline=None)
def test_a_list_is_full_of_what_is_allowed_and_a_batch_answers_as_its_singles(
    asked: tuple[torch.Tensor, list[frozenset[int]], list[int]],
) -> None:
    outputs, excluded, limits = asked
    few = ranker(2)
    for place, together in enumerate(few.top(outputs, excluded, limits)):
        out, left = excluded[place], V - len(excluded[place]) + 2
        assert len(together.tracks) == len(set(together.tracks)) == min(limits[place], left)
        assert not out & set(together.tracks)
        assert list(together.probabilities) == sorted(together.probabilities, reverse=True)
        assert together.pool_after == left
        alone = few.top(outputs[place : place + 1], excluded[place : place + 1], limits[place : place + 1])[0]
        assert together.tracks == alone.tracks
        assert together.probabilities == pytest.approx(alone.probabilities, rel=1e-4)


def test_who_is_excluded_from_nearly_all_that_is_found_looks_further() -> None:
    """Looking further finds what the exact ranking finds; it does not need every row while the clusters hold enough."""
    best = EXACT.top(OUTPUTS[:2], [frozenset()] * 2, [100, 100])
    excluded = [frozenset(best[0].tracks), frozenset[int]()]
    found = ranker(CLUSTERS, 64).top(OUTPUTS[:2], excluded, [20, 20])
    for one, exact in zip(found, EXACT.top(OUTPUTS[:2], excluded, [20, 20]), strict=True):
        assert one.tracks == exact.tracks


def test_a_survey_holds_what_a_mixture_asks_of_the_exact_one() -> None:
    excluded = [frozenset(range(place, V, 7)) for place in range(8)]
    asked = (torch.tensor([0, 0, 3, 7]), torch.tensor([5, 2999, 0, 17]))
    found = ranker(CLUSTERS, 512).survey(OUTPUTS[:8], asked, excluded, 100, 60)
    exact = EXACT.survey(OUTPUTS[:8], asked, excluded, 100, 60)
    assert torch.equal(found.first_rows, exact.first_rows)
    assert torch.equal(found.rows, exact.rows)
    for name in ("first_logits", "logits", "asked"):
        torch.testing.assert_close(getattr(found, name), getattr(exact, name), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.log_total, exact.log_total, rtol=0, atol=0.1)


def test_a_survey_that_an_index_cannot_fill_is_exact() -> None:
    """Two clusters do not hold a thousand tracks, nor what is left of a catalogue that is nearly all excluded."""
    nothing = (torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64))
    excluded = [frozenset(range(V - 3))]
    found = ranker(1).survey(OUTPUTS[:1], nothing, excluded, 1000, 20)
    exact = EXACT.survey(OUTPUTS[:1], nothing, excluded, 1000, 20)
    assert torch.equal(found.first_rows, exact.first_rows)
    assert torch.equal(found.rows[:, :3], exact.rows[:, :3])


def test_places_are_exact() -> None:
    targets = torch.arange(len(OUTPUTS)) * 11
    found, exact = ranker(1).places(OUTPUTS, targets), EXACT.places(OUTPUTS, targets)
    torch.testing.assert_close(found.log_probabilities, exact.log_probabilities, rtol=1e-5, atol=1e-5)
    assert (found.ranks - exact.ranks).abs().max() <= 1  # ties are broken by the last bit of a product


def test_an_output_that_is_no_number_does_not_disturb_the_batch() -> None:
    outputs = OUTPUTS[:2].clone()
    outputs[0] = float("nan")
    lost, fine = ranker(CLUSTERS).top(outputs, [frozenset()] * 2, [5, 5])
    assert len(lost.tracks) == 5
    assert fine.tracks == EXACT.top(OUTPUTS[1:2], [frozenset()], [5])[0].tracks


def test_nothing_asked_nothing_ranked() -> None:
    assert ranker(2).top(torch.empty(0, OUTPUTS.shape[1]), [], []) == []
    answer = ranker(2).top(OUTPUTS[:1], [frozenset({1})], [0])[0]
    assert (list(answer.tracks), answer.pool_before, answer.pool_after) == ([], V, V - 1)


def test_a_bias_of_the_estimate_is_taken_away() -> None:
    plain = ranker(4)
    shifted = IndexedRanker(
        NETWORK.stored_table,
        NETWORK.ranking_bias(),
        plain.index.with_settings(replace(plain.index.settings, log_total_bias=0.5)),
    )
    before, after = (each.top(OUTPUTS[:1], [frozenset()], [3])[0] for each in (plain, shifted))
    assert after.probabilities == pytest.approx([share * 2.718281828**0.5 for share in before.probabilities], rel=1e-4)
