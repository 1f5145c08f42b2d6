"""The losses of the GRU4Rec papers against examples worked by hand, and their gradients against the numbers."""

import pytest
import torch

from app.trainer.pairwise_losses import PAIRWISE_LOSSES, bpr, bpr_max, top1, top1_max

LOGITS = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.float64)
FIRST = torch.tensor([0])

# s(-2) = .119203, s(-1) = .268941, s(0) = .5, s(1) = .731059, s(2) = .880797; the target's logit is 2, the negatives'
# are 1 and 0, whose softmax is (.731059, .268941).


def test_top1_by_hand() -> None:
    """1/2 (s(1 - 2) + s(1) + s(0 - 2) + s(0)) = 1/2 (.268941 + .731059 + .119203 + .5)."""
    assert top1(LOGITS, FIRST).item() == pytest.approx(0.8096015, abs=1e-6)


def test_bpr_by_hand() -> None:
    """-1/2 (log s(2 - 1) + log s(2 - 0)) = 1/2 (.313262 + .126928)."""
    assert bpr(LOGITS, FIRST).item() == pytest.approx(0.220095, abs=1e-6)


def test_top1_max_by_hand() -> None:
    """.731059 (.268941 + .731059) + .268941 (.119203 + .5)."""
    assert top1_max(LOGITS, FIRST).item() == pytest.approx(0.897588, abs=1e-6)


def test_bpr_max_by_hand() -> None:
    """-log(.731059 · .731059 + .268941 · .880797) + 1/2 (.731059 · 1 + .268941 · 0)."""
    assert bpr_max(LOGITS, FIRST, 0.0).item() == pytest.approx(0.259639, abs=1e-6)
    assert bpr_max(LOGITS, FIRST, 0.5).item() == pytest.approx(0.259639 + 0.365530, abs=1e-6)


@pytest.mark.parametrize("name", sorted(PAIRWISE_LOSSES))
def test_the_gradient_is_that_of_the_loss(name: str) -> None:
    """Against finite differences, with a target in each column and one twice."""
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(5, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    columns = torch.tensor([0, 1, 2, 3, 1])
    assert torch.autograd.gradcheck(lambda r: PAIRWISE_LOSSES[name](r, columns, 0.7), (logits,))


@pytest.mark.parametrize("name", sorted(PAIRWISE_LOSSES))
def test_the_mean_over_targets(name: str) -> None:
    loss = PAIRWISE_LOSSES[name]
    logits = torch.tensor([[0.3, -1.0, 2.0], [0.1, 0.9, -0.4]], dtype=torch.float64)
    columns = torch.tensor([2, 0])
    alone = [loss(logits[row : row + 1], columns[row : row + 1], 0.3) for row in (0, 1)]
    torch.testing.assert_close(loss(logits, columns, 0.3), torch.stack(alone).mean())


@pytest.mark.parametrize("name", sorted(PAIRWISE_LOSSES))
def test_a_target_that_stands_higher_loses_less(name: str) -> None:
    loss = PAIRWISE_LOSSES[name]
    losses = [loss(torch.tensor([[own, 0.5, -0.5]]), FIRST, 0.3).item() for own in (-1.0, 0.0, 1.0, 3.0)]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("name", sorted(PAIRWISE_LOSSES))
@pytest.mark.parametrize("logits", [[[-300.0, 300.0, 250.0]], [[300.0, -300.0, -250.0]], [[4.0]]])
def test_what_is_extreme_stays_finite(name: str, logits: list[list[float]]) -> None:
    """Also where there is no negative at all."""
    given = torch.tensor(logits, requires_grad=True)
    loss = PAIRWISE_LOSSES[name](given, FIRST, 1.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert bool(loss.isfinite())
    assert given.grad is not None
    assert bool(given.grad.isfinite().all())
