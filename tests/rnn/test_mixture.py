"""The mixture is one proper distribution over the catalogue, however it is asked."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.rnn.candidates import MOST
from app.rnn.evidence import heard_rows
from app.rnn.mixer import Mixer
from app.rnn.mixture import AT_ONCE, Mixture
from app.rnn.neighbours import NeighbourSettings
from app.rnn.ranking import Ranker
from tests.rnn.memories import drawn_sessions, histories, memory_of, new_mixture

SIZES = (30, 400)  # all tracks are candidates; most are not
MIXTURES = {size: new_mixture(3, size) for size in SIZES}


def ranker(size: int, seed: int) -> Ranker:
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(size, 6, generator=generator)
    # Rows 1, 3, 5 ... rank as the row before them: ties.
    table[1::2] = table[::2]
    return Ranker(table, torch.zeros(size))


def outputs_for(heard: list[tuple[int, ...]], seed: int) -> torch.Tensor:
    return 2 * torch.randn(len(heard), 6, generator=torch.Generator().manual_seed(seed))


def by_definition(
    mixture: Mixture, own: Ranker, outputs: torch.Tensor, heard: list[tuple[int, ...]]
) -> NDArray[np.float64]:
    """Return the probabilities (B, V) of the softmax in which the mixer's logits stand for the candidates'."""
    B, V = len(outputs), len(own)
    asked = torch.arange(B).repeat_interleave(V), torch.arange(V).repeat(B)
    network = own.survey(outputs, asked, [frozenset()] * B, 1, 0).asked.view(B, V).double().numpy()
    logits = network - np.log(np.exp(network).sum(1, keepdims=True))
    candidates, _ = mixture.examine(own, outputs, heard_rows(heard))
    rows = torch.from_numpy(candidates.rows)
    revised = mixture.mixer(torch.from_numpy(candidates.features), torch.from_numpy(candidates.situations), rows >= 0)
    for line, own_rows, new in zip(logits, candidates.rows, revised.numpy(), strict=True):
        line[own_rows[own_rows >= 0]] = new[own_rows >= 0]
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    whole: NDArray[np.float64] = exponentials / exponentials.sum(1, keepdims=True)
    return whole


@given(st.sampled_from(SIZES), st.integers(0, 2**32), histories(longest=30))
@settings(max_examples=15, deadline=None)
def test_the_whole_ranking_is_the_distribution_of_the_definition(
    size: int, seed: int, heard: list[tuple[int, ...]]
) -> None:
    """Probabilities add up to 1, stand in order, equal ones by lower row; they are those of the definition."""
    mixture, own, outputs = MIXTURES[size], ranker(size, seed), outputs_for(heard, seed)
    expected = by_definition(mixture, own, outputs, heard)
    answers = mixture.top(own, outputs, heard_rows(heard), [frozenset()] * len(heard), [size] * len(heard))
    for answer, probabilities in zip(answers, expected, strict=True):
        assert sorted(answer.tracks) == list(range(size))
        assert sum(answer.probabilities) == pytest.approx(1, abs=1e-4)
        assert list(answer.probabilities) == sorted(answer.probabilities, reverse=True)
        np.testing.assert_allclose(answer.probabilities, probabilities[list(answer.tracks)], rtol=1e-3, atol=1e-7)


@given(st.sampled_from(SIZES), st.integers(0, 2**32), histories(longest=30), st.data())
@settings(max_examples=20, deadline=None)
def test_excluding_leaves_out_and_changes_nothing_else(
    size: int, seed: int, heard: list[tuple[int, ...]], data: st.DataObject
) -> None:
    mixture, own, outputs = MIXTURES[size], ranker(size, seed), outputs_for(heard, seed)
    excluded = [data.draw(st.frozensets(st.integers(-3, size + 3), max_size=size)) for _ in heard]
    limits = [data.draw(st.sampled_from([0, 1, 7, 20, size + 5])) for _ in heard]
    whole = mixture.top(own, outputs, heard_rows(heard), [frozenset()] * len(heard), [size] * len(heard))
    answers = mixture.top(own, outputs, heard_rows(heard), excluded, limits)
    for answer, everything, left_out, limit in zip(answers, whole, excluded, limits, strict=True):
        allowed = [track for track in everything.tracks if track not in left_out]
        probability = dict(zip(everything.tracks, everything.probabilities, strict=True))
        assert (answer.pool_before, answer.pool_after) == (size, len(allowed))
        assert len(answer.tracks) == min(limit, len(allowed))
        assert list(answer.tracks) == allowed[:limit]
        assert list(answer.probabilities) == pytest.approx([probability[t] for t in answer.tracks], rel=1e-4, abs=1e-9)


@given(st.sampled_from(SIZES), st.integers(0, 2**32), histories(longest=30))
@settings(max_examples=15, deadline=None)
def test_a_batch_answers_as_its_singles(size: int, seed: int, heard: list[tuple[int, ...]]) -> None:
    mixture, own, outputs = MIXTURES[size], ranker(size, seed), outputs_for(heard, seed)
    together = mixture.top(own, outputs, heard_rows(heard), [frozenset()] * len(heard), [20] * len(heard))
    for number, tracks in enumerate(heard):
        alone = mixture.top(own, outputs[number : number + 1], heard_rows([tracks]), [frozenset()], [20])[0]
        assert together[number].probabilities == pytest.approx(alone.probabilities, rel=1e-4, abs=1e-9)


def test_more_listeners_than_are_considered_together() -> None:
    heard: list[tuple[int, ...]] = [(number % 30, (3 * number) % 30) for number in range(AT_ONCE + 5)]
    mixture, own, outputs = MIXTURES[400], ranker(400, 1), outputs_for(heard, 1)
    excluded, limits = [frozenset({number}) for number in range(len(heard))], [4] * len(heard)
    together = mixture.top(own, outputs, heard_rows(heard), excluded, limits)
    alone = mixture.top(own, outputs[-1:], heard_rows(heard[-1:]), excluded[-1:], [4])[0]
    assert len(together) == len(heard)
    assert together[-1].tracks == alone.tracks


@given(st.sampled_from(SIZES), st.integers(0, 2**32), histories(longest=30))
@settings(max_examples=15, deadline=None)
def test_places_are_where_tracks_stand_in_the_ranking(size: int, seed: int, heard: list[tuple[int, ...]]) -> None:
    """Evaluation and server tell the same story; equal tracks count against the target."""
    mixture, own, outputs = MIXTURES[size], ranker(size, seed), outputs_for(heard, seed)
    targets = torch.randint(size, (len(heard),), generator=torch.Generator().manual_seed(seed))
    considered = mixture.consider(own, outputs, heard_rows(heard), [frozenset()] * len(heard), size)
    places = considered.places(targets)
    answers = considered.top([frozenset()] * len(heard), [size] * len(heard))
    for answer, target, rank, log_probability in zip(
        answers, targets.tolist(), places.ranks.tolist(), places.log_probabilities.tolist(), strict=True
    ):
        probability = answer.probabilities[answer.tracks.index(target)]
        assert log_probability == pytest.approx(math.log(probability), abs=1e-3)
        above = sum(other > probability * (1 + 1e-5) for other in answer.probabilities)
        as_good = sum(other >= probability * (1 - 1e-5) for other in answer.probabilities)
        assert above < rank <= as_good
        assert rank >= answer.tracks.index(target) + 1


def test_nothing_heard_is_answered_by_the_network_alone() -> None:
    own, outputs = ranker(400, 5), outputs_for([()], 5)
    alone = own.top(outputs, [frozenset({2})], [30])[0]
    mixed = MIXTURES[400].top(own, outputs, heard_rows([()]), [frozenset({2})], [30])[0]
    assert mixed.tracks == alone.tracks
    assert mixed.probabilities == pytest.approx(alone.probabilities, rel=1e-5)


@pytest.mark.parametrize("hidden_size", [0, 8])
def test_a_mixer_that_has_learned_nothing_is_the_network_alone(hidden_size: int) -> None:
    heard = [(1, 2, 3), (9,), ()]
    mixture = Mixture(memory_of(drawn_sessions(4), 400), NeighbourSettings(), Mixer(hidden_size).eval())
    own, outputs = ranker(400, 6), outputs_for(heard, 6)
    mixed = mixture.top(own, outputs, heard_rows(heard), [frozenset()] * 3, [400] * 3)
    for answer, alone in zip(mixed, own.top(outputs, [frozenset()] * 3, [400] * 3), strict=True):
        assert answer.probabilities == pytest.approx(alone.probabilities, rel=1e-4, abs=1e-9)


def test_an_output_that_is_no_number_does_not_disturb_the_batch() -> None:
    heard: list[tuple[int, ...]] = [(1, 2), (3, 4)]
    outputs = outputs_for(heard, 8)
    fine = MIXTURES[400].top(ranker(400, 8), outputs, heard_rows(heard), [frozenset()] * 2, [10] * 2)[1]
    outputs[0] = float("nan")
    lost, still_fine = MIXTURES[400].top(ranker(400, 8), outputs, heard_rows(heard), [frozenset()] * 2, [10] * 2)
    assert len(set(lost.tracks)) == 10
    assert still_fine == fine


def test_candidates_are_few_and_hold_what_was_heard() -> None:
    candidates, _ = MIXTURES[400].examine(ranker(400, 2), outputs_for([(4, 5, 6)], 2), heard_rows([(4, 5, 6)]))
    rows = candidates.rows[0]
    assert len(rows) == MOST
    rows = rows[rows >= 0]
    assert (np.diff(rows) > 0).all()
    assert {4, 5, 6} <= set(rows.tolist())


def test_nobody_asks() -> None:
    assert MIXTURES[30].top(ranker(30, 1), torch.empty(0, 6), heard_rows([]), [], []) == []
