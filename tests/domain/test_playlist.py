"""How the next track is chosen from a ranking."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.playlist import Choosing, PlaylistAsk, choose, nucleus

RANKINGS = st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=50).map(lambda values: sorted(values, reverse=True))


@given(RANKINGS, st.floats(0.05, 5.0), st.floats(0.01, 1.0))
def test_weights_sum_to_one_and_never_rise(probabilities: list[float], temperature: float, top_p: float) -> None:
    """A more probable track is never less likely to be drawn, and something always can be."""
    weights = nucleus(probabilities, temperature, top_p)
    assert sum(weights) == pytest.approx(1.0)
    assert 1 <= len(weights) <= len(probabilities)
    assert all(left >= right for left, right in pairwise(weights))


def test_temperature_one_draws_as_probable_as_the_softmax_says() -> None:
    """Weights are the probabilities, renormalised over the ranking."""
    assert nucleus([0.4, 0.1], 1.0, 1.0) == pytest.approx([0.8, 0.2])


def test_low_temperature_approaches_greedy() -> None:
    """At 0.1 a track twice as probable is drawn 1024 times as often."""
    first, second = nucleus([0.4, 0.2], 0.1, 1.0)
    assert first / second == pytest.approx(1024)


def test_top_p_cuts_the_tail() -> None:
    """The smallest head that reaches the mass stays."""
    assert nucleus([0.5, 0.3, 0.2], 1.0, 0.7) == pytest.approx([0.625, 0.375])


def test_tiny_probabilities_do_not_underflow() -> None:
    """Out of ten million tracks a probability of 1e-300 at a low temperature still has a weight."""
    assert sum(nucleus([1e-299, 1e-300], 0.05, 1.0)) == pytest.approx(1.0)


def test_greedy_takes_the_first() -> None:
    """No chance is involved."""
    assert list(choose([0.2, 0.1], PlaylistAsk(length=1), Random(1))) == [0]


def test_sampling_follows_the_weights_and_the_seed() -> None:
    """The same seed draws the same, and the frequencies are the weights within four standard errors."""
    ask = PlaylistAsk(length=1, choosing=Choosing.SAMPLE, top_k=2)
    random = Random(7)
    drawn = [row for _ in range(4000) for row in choose([0.6, 0.2, 0.2], ask, random)]
    again = Random(7)
    assert drawn == [row for _ in range(4000) for row in choose([0.6, 0.2, 0.2], ask, again)]
    assert set(drawn) == {0, 1}
    assert drawn.count(0) / 4000 == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / 4000) ** 0.5)
