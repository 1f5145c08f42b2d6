"""The rows' optimiser against PyTorch's, and the course of the rates."""

import pytest
import torch
from torch import nn

from app.trainer.optimizer import TableAdagrad, course


def test_on_the_whole_table_it_is_adagrad() -> None:
    torch.manual_seed(31)
    ours, theirs = nn.Parameter(torch.randn(6, 3)), nn.Parameter(torch.empty(6, 3))
    theirs.data.copy_(ours.data)
    table, reference = TableAdagrad(ours, by_row=False), torch.optim.Adagrad([theirs], lr=0.1, eps=1e-8)
    for _ in range(4):
        gathered = table.gather(None)
        (gathered.sin() * 2).sum().backward()  # type: ignore[no-untyped-call]
        table.step(gathered, None, 0.1)
        reference.zero_grad()
        (theirs.sin() * 2).sum().backward()  # type: ignore[no-untyped-call]
        reference.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("by_row", [False, True])
def test_gathered_rows_move_as_in_the_whole_table_and_others_stay(by_row: bool) -> None:
    torch.manual_seed(32)
    whole, part = nn.Parameter(torch.randn(6, 3)), nn.Parameter(torch.empty(6, 3))
    part.data.copy_(whole.data)
    before = part.detach().clone()
    tables = TableAdagrad(whole, by_row), TableAdagrad(part, by_row)
    rows = torch.tensor([1, 4])
    for _ in range(3):
        every, some = tables[0].gather(None), tables[1].gather(rows)
        every[rows].cos().sum().backward()  # type: ignore[no-untyped-call]
        some.cos().sum().backward()  # type: ignore[no-untyped-call]
        tables[0].step(every, None, 0.2)
        tables[1].step(some, rows, 0.2)
    torch.testing.assert_close(part, whole)
    untouched = [0, 2, 3, 5]
    assert torch.equal(part[untouched], before[untouched])
    assert not torch.equal(part[rows], before[rows])


def test_a_row_has_one_step_size() -> None:
    """By row, the numbers of a row keep the proportions of their gradient."""
    table = nn.Parameter(torch.zeros(1, 2))
    adagrad = TableAdagrad(table, by_row=True)
    gathered = adagrad.gather(None)
    gathered.grad = torch.tensor([[3.0, 1.0]])
    adagrad.step(gathered, None, 0.1)
    assert float(table[0, 0].detach() / table[0, 1].detach()) == pytest.approx(3.0)


def test_inertia_makes_small_gradients_small_steps() -> None:
    table = nn.Parameter(torch.zeros(2, 1))
    adagrad = TableAdagrad(table, by_row=False, inertia=1.0)
    gathered = adagrad.gather(None)
    gathered.grad = torch.tensor([[0.01], [100.0]])
    adagrad.step(gathered, None, 0.1)
    assert table.detach().flatten().tolist() == pytest.approx([-0.001, -0.1], rel=1e-3)


def test_a_table_of_single_numbers_moves_too() -> None:
    bias = nn.Parameter(torch.zeros(4))
    adagrad = TableAdagrad(bias, by_row=True)
    gathered = adagrad.gather(torch.tensor([2]))
    gathered.sum().backward()  # type: ignore[no-untyped-call]
    adagrad.step(gathered, torch.tensor([2]), 0.5)
    assert bias.tolist() == [0.0, 0.0, -0.5, 0.0]


def test_the_course_rises_and_falls() -> None:
    rates = [course(step / 100, 0.1, 0.05) for step in range(101)]
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == 1.0
    assert rates[-1] == pytest.approx(0.05)
    assert all(rate > 0 for rate in rates)


def test_the_course_without_warm_up_starts_at_its_height() -> None:
    assert course(0.0, 0.0, 0.0) == 1.0
    assert course(1.0, 1.0, 0.3) == 1.0
