"""Folds: each session decides once and never fits what it decides; one fold is enough of many."""

import numpy as np
import pytest
import torch

from app.rnn.memory import Memory
from app.rnn.mixture import Mixture
from app.rnn.neighbours import NeighbourSettings
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.trainer.evaluation import evaluate
from app.trainer.folds import FEW_TARGETS, FOLDS, InTurn, folds
from app.trainer.judged_network import JudgedNetwork
from app.trainer.mixer_fitting import Examples
from tests.listening import sessions_of
from tests.rnn.memories import drawn_sessions, opinionated_mixer

V = 30


def examples_of(session: list[int]) -> Examples:
    """Examples from these sessions, told apart by their only situation."""
    number = len(session)
    return Examples(
        torch.zeros(number, 1, 1),
        torch.arange(number, dtype=torch.float32).unsqueeze(1),
        torch.ones(number, dtype=torch.int64),
        torch.zeros(number, dtype=torch.int64),
        torch.tensor(session),
    )


def test_each_session_decides_once_and_never_what_it_has_fitted() -> None:
    examples = examples_of([number // 3 for number in range(90)])
    found = folds(examples, 30, seed=1)
    assert len(found) == FOLDS
    decided = torch.cat([fold.deciding.situations for fold in found]).flatten().tolist()
    assert sorted(decided) == list(range(90))
    for fold in found:
        assert set(fold.deciding.session.tolist()) == set(fold.sessions.tolist())
        assert not set(fold.deciding.session.tolist()) & set(fold.fitting.session.tolist())
        assert len(fold.deciding) + len(fold.fitting) == 90
    assert [fold.sessions.tolist() for fold in folds(examples, 30, seed=1)] == [one.sessions.tolist() for one in found]


def test_one_fold_decides_where_targets_are_many() -> None:
    sessions = FEW_TARGETS + 1
    (only,) = folds(examples_of(list(range(sessions))), sessions, seed=1)
    assert len(only.deciding) == pytest.approx(sessions / FOLDS, rel=0.1)


def test_no_fold_is_empty_or_has_nothing_to_fit_with() -> None:
    assert folds(examples_of([0, 0, 0]), 1, seed=1) == []
    two = folds(examples_of([0, 1]), 2, seed=2)
    assert all(len(fold.fitting) and len(fold.deciding) for fold in two)


def test_each_part_is_judged_with_its_own_mixture() -> None:
    torch.manual_seed(1)
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=6, embedding_size=6)).eval()
    past = sessions_of(*drawn_sessions(1))
    memory = Memory.of(past.tracks, past.offsets, V)
    first, second = (Mixture(memory, NeighbourSettings(), opinionated_mixer(seed)) for seed in (2, 3))
    new = sessions_of(*[playlist for playlist in drawn_sessions(4, count=9) if len(playlist) > 1])
    whole = evaluate(InTurn(network, [(4, first), (len(new) - 4, second)]), new, resamples=0)
    halves = [
        evaluate(JudgedNetwork(network, mixture=mixture), new.select(rows), resamples=0)
        for mixture, rows in ((first, np.arange(4)), (second, np.arange(4, len(new))))
    ]
    together = np.concatenate([half.totals.sums for half in halves])
    np.testing.assert_allclose(whole.totals.sums, together)
    alone = evaluate(InTurn(network, [(4, None), (len(new) - 4, None)]), new, resamples=0)
    assert alone.figures == evaluate(JudgedNetwork(network), new, resamples=0).figures
