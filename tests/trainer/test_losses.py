"""Cross-entropy against examples worked by hand and PyTorch's own, and its gradient against the numbers."""

import pytest
import torch
from torch.nn import functional

from app.trainer.losses import softmax_loss

C, N, K = 6, 4, 3


def drawn() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(11)
    outputs, table, bias = (
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((N, K), (C, K), (C,))
    )
    return outputs, table, bias, torch.randint(C, (N,), generator=generator)


def test_by_hand() -> None:
    """Logits 2, 1, 0, of which the first was played: log(1 + 1/e + 1/e^2)."""
    outputs, table = torch.tensor([[1.0]]), torch.tensor([[2.0], [1.0], [0.0]])
    assert softmax_loss(outputs, table, None, None, torch.tensor([0])).item() == pytest.approx(0.407606, abs=1e-6)


def test_with_logq_by_hand() -> None:
    """Negatives that are candidates half and a quarter of the time count two and four times: log(1 + 2/e + 4/e^2).

    What was played is a candidate for certain, so its own correction, of whatever size, changes nothing.
    """
    outputs, table = torch.tensor([[1.0]]), torch.tensor([[2.0], [1.0], [0.0]])
    correction = -torch.tensor([0.01, 0.5, 0.25]).log()
    loss = softmax_loss(outputs, table, None, correction, torch.tensor([0]))
    assert loss.item() == pytest.approx(0.822903, abs=1e-6)


def test_over_the_whole_catalogue_it_is_cross_entropy() -> None:
    outputs, table, bias, columns = drawn()
    loss = softmax_loss(outputs, table, bias, None, columns)
    torch.testing.assert_close(loss, functional.cross_entropy(outputs @ table.t() + bias, columns))


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_the_gradient_is_that_of_the_loss(corrected: bool, biased: bool) -> None:
    """Against finite differences."""
    outputs, table, bias, columns = drawn()
    correction = torch.rand(6, dtype=torch.float64) if corrected else None
    given_bias = bias if biased else None
    assert torch.autograd.gradcheck(
        lambda o, t, *b: softmax_loss(o, t, b[0] if b else None, correction, columns),
        (outputs, table, *([given_bias] if given_bias is not None else [])),
    )


def test_the_target_itself_is_not_corrected() -> None:
    """It is always among the candidates, so its chance is 1."""
    outputs, table, _, columns = drawn()
    correction = torch.tensor([0.3, 0.1, 2.0, 0.7, 0.0, 1.1], dtype=torch.float64)
    logits = outputs @ table.t() + correction
    logits[torch.arange(4), columns] -= correction[columns]
    loss = softmax_loss(outputs, table, None, correction, columns)
    torch.testing.assert_close(loss, functional.cross_entropy(logits, columns))


def test_large_logits_do_not_overflow() -> None:
    loss = softmax_loss(torch.tensor([[300.0]]), torch.tensor([[1.0], [-1.0]]), None, None, torch.tensor([1]))
    assert loss.item() == pytest.approx(600.0)
