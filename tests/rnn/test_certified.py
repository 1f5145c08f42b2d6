"""Rough logits choose, exact ones decide: the tracks are those of the exact ranker, whatever the rows are."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from app.rnn.certified import CertifiedRanker
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.rnn.rankers import exact_ranker, ranker_of
from app.rnn.ranking import Ranker
from app.rnn.rough import RoughTable

pytestmark = pytest.mark.skipif(
    "fbgemm" not in torch.backends.quantized.supported_engines, reason="this processor has no rough products"
)

K = 8


def both(table: Tensor, bias: Tensor | None) -> tuple[Ranker, CertifiedRanker]:
    """Return the exact ranker of a table and the certified one."""
    return Ranker(table, bias), CertifiedRanker(RoughTable(table, bias), table, bias, lambda rows: rows)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Tensor, Tensor | None, Tensor]:
    """Rows all over the place, in clusters nearer to each other than half precision tells, or all alike.

    All numbers are whole ones of 1/4096, and so is each sum: equal logits are equal in whatever order they are added.
    """
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    V, scale = draw(st.sampled_from([1, 20, 70, 900, 3000])), draw(st.sampled_from([2.0**-17, 1.0, 256.0]))
    near = draw(st.sampled_from([0.0, 0.0005, 1.0]))
    centres = torch.randn(3, K, generator=generator)[torch.randint(3, (V,), generator=generator)]
    table = ((centres + near * torch.randn(V, K, generator=generator)) * 4096).round() / 4096 * scale
    bias = torch.randint(-3, 4, (V,), generator=generator) * scale if draw(st.booleans()) else None
    return table, bias, torch.randint(-4, 5, (draw(st.integers(1, 9)), K), generator=generator).float()


@given(tables(), st.data())
@settings(max_examples=80, deadline=None)
def test_the_tracks_are_those_of_the_exact_ranker(
    asked: tuple[Tensor, Tensor | None, Tensor], data: st.DataObject
) -> None:
    table, bias, outputs = asked
    V, choice = len(table), np.random.default_rng(data.draw(st.integers(0, 2**32)))
    excluded = [frozenset(choice.integers(-2, V + 2, data.draw(st.sampled_from([0, 3, V]))).tolist()) for _ in outputs]
    limits = [data.draw(st.sampled_from([0, 1, 20, V])) for _ in outputs]
    exact, certified = both(table, bias)
    off = RoughTable(table, bias).bounds(outputs).tolist()
    answers = (exact.top(outputs, excluded, limits), certified.top(outputs, excluded, limits))
    for expected, found, bound in zip(*answers, off, strict=True):
        assert found.tracks == expected.tracks
        assert (found.pool_before, found.pool_after) == (expected.pool_before, expected.pool_after)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=np.expm1(bound) + 1e-4, atol=1e-9)


@given(tables())
@settings(max_examples=80, deadline=None)
def test_no_rough_logit_is_further_off_than_its_bound(asked: tuple[Tensor, Tensor | None, Tensor]) -> None:
    table, bias, outputs = asked
    rough = RoughTable(table, bias)
    exact = outputs.double() @ table.double().t() + (0.0 if bias is None else bias.double())
    off = (rough.logits(outputs).double() - exact).abs().amax(1)
    assert bool((off <= rough.bounds(outputs).double()).all())


@given(tables(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_survey_is_that_of_the_exact_ranker(asked: tuple[Tensor, Tensor | None, Tensor], seed: int) -> None:
    table, bias, outputs = asked
    B, V, choice = len(outputs), len(table), np.random.default_rng(seed)
    excluded = [frozenset(choice.integers(0, V, 5).tolist()) for _ in range(B)]
    requests, rows = (torch.from_numpy(choice.integers(0, most, 2 * B)) for most in (B, V))
    exact, certified = (ranker.survey(outputs, (requests, rows), excluded, 100, 20) for ranker in both(table, bias))
    for name in ("first_logits", "first_rows", "logits", "rows", "asked"):
        assert torch.equal(getattr(certified, name), getattr(exact, name)), name
    off = (certified.log_total - exact.log_total).abs()
    assert bool((off <= RoughTable(table, bias).bounds(outputs) + 1e-4).all())


class NeverSlow(CertifiedRanker):
    """A ranker that may not multiply with every row."""

    def _blocks(self, outputs: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        raise AssertionError(f"Expected certain answers to {len(outputs)} outputs, got doubt about some.")


def test_ordinary_rows_are_never_looked_at_twice() -> None:
    """Of unit length, as in a cosine softmax with its scale of 16; the sums are right to a ten thousandth."""
    torch.manual_seed(1)
    table, bias = torch.nn.functional.normalize(torch.randn(20_000, 64), dim=1), torch.randn(20_000)
    outputs = 16 * torch.nn.functional.normalize(torch.randn(40, 64), dim=1)
    excluded = [frozenset(range(first, first + 130)) for first in range(40)]
    certified = NeverSlow(RoughTable(table, bias), table, bias, lambda rows: rows)
    exact = Ranker(table, bias)
    for found, expected in zip(
        certified.top(outputs, excluded, [20] * 40), exact.top(outputs, excluded, [20] * 40), strict=True
    ):
        assert found.tracks == expected.tracks
        np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=1e-4)


class Counting(CertifiedRanker):
    """A ranker that notes how many outputs it multiplied with every row at once."""

    def __init__(self, table: Tensor) -> None:
        super().__init__(RoughTable(table, None), table, None, lambda rows: rows)
        self.slow: list[int] = []

    def _blocks(self, outputs: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        self.slow.append(len(outputs))
        return super()._blocks(outputs)


def test_those_in_doubt_are_ranked_together() -> None:
    """A hundred new tracks with the row of their artist: one product with every row for all who like that artist."""
    torch.manual_seed(3)
    table = torch.randn(2_000, K)
    table[100:200] = table[100]
    outputs = torch.cat((4 * table[100].expand(5, -1), -4 * table[100].expand(2, -1)))
    certified, nothing = Counting(table), [frozenset[int]()] * 7
    answers = certified.top(outputs, nothing, [20] * 7)
    assert certified.slow == [5]
    assert [answer.tracks for answer in answers] == [
        answer.tracks for answer in Ranker(table).top(outputs, nothing, [20] * 7)
    ]
    certified.survey(outputs, (torch.tensor([0, 6]), torch.tensor([3, 4])), nothing, 20, 10)
    assert certified.slow == [5, 5]


def test_an_output_that_is_no_number_does_not_disturb_the_batch() -> None:
    torch.manual_seed(2)
    table = torch.randn(500, K)
    exact, certified = both(table, None)
    outputs = torch.randn(3, K)
    outputs[1] = torch.nan
    asked = ([frozenset[int]()] * 3, [20] * 3)
    for found, expected in zip(certified.top(outputs, *asked), exact.top(outputs, *asked), strict=True):
        assert found.tracks == expected.tracks
        assert all(map(np.isfinite, found.probabilities))


@pytest.mark.parametrize(("number", "held"), [(1.0, True), (40_000.0, False), (float("nan"), False)])
def test_rows_beyond_half_precision_are_not_packed(number: float, held: bool) -> None:
    assert RoughTable.can_hold(torch.full((3, K), number)) is held


@pytest.mark.parametrize(("tracks", "kind"), [(300, Ranker), (30_000, CertifiedRanker)])
def test_large_catalogues_are_looked_over_roughly(tracks: int, kind: type[Ranker]) -> None:
    network = RecurrentNetwork(NetworkConfig("gru", tracks, hidden_size=8, normalised=True)).eval()
    ranker = ranker_of(network, None)
    assert type(ranker) is kind
    outputs, asked = torch.randn(5, 8), ([frozenset[int]()] * 5, [20] * 5)
    for found, expected in zip(ranker.top(outputs, *asked), exact_ranker(network).top(outputs, *asked), strict=True):
        assert found.tracks == expected.tracks
