"""What may serve and what may not."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from app.dataset.folder import Sessions
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.trainer.comparison import judge_baselines
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.gate import verdict
from app.trainer.judged_network import JudgedNetwork
from app.trainer.judgement import Judgement
from app.trainer.targets import Targets
from tests.trainer.playlists import sessions_of

V = 60


@dataclass(frozen=True)
class Placed:
    """Ranks target i at the i-th place it is told, and the tracks of `first` first, in turn."""

    places: np.ndarray
    first: int = V
    name: str = "network"
    catalogue_size: int = V

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        targets = np.arange(len(Targets.of(sessions)))
        tops = (targets[:, None] + np.arange(depth)) % self.first
        yield Judgement(targets, self.places[targets], tops.astype(np.int32))


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    random = np.random.default_rng(9)
    return sessions_of(*(random.integers(0, V, 6).tolist() for _ in range(120)))


@pytest.fixture(scope="module")
def places(sessions: Sessions) -> np.ndarray:
    """Places spread over the catalogue, many beyond the first 20."""
    return np.random.default_rng(2).integers(2, V, len(Targets.of(sessions)))


def judged(places: np.ndarray, sessions: Sessions, name: str = "network", first: int = V) -> Metrics:
    return evaluate(Placed(places, first, name), sessions)


def floors(places: np.ndarray, sessions: Sessions) -> dict[str, Metrics]:
    return {name: judged(places, sessions, name) for name in ("popularity", "markov")}


def test_better_in_both_is_accepted_with_the_figures(sessions: Sessions, places: np.ndarray) -> None:
    better = judged(places - 1, sessions)
    given = verdict(better, floors(places, sessions))
    assert given.accepted
    assert f"{better.recall:.4f}" in given.reason
    assert "popularity" in given.reason
    assert "markov" in given.reason


def test_equal_is_not_better(sessions: Sessions, places: np.ndarray) -> None:
    given = verdict(judged(places, sessions), floors(places, sessions))
    assert not given.accepted
    assert "Neither figure is above popularity's" in given.reason


def test_beating_popularity_alone_is_not_enough(sessions: Sessions, places: np.ndarray) -> None:
    baselines = {
        "popularity": judged(places, sessions, "popularity"),
        "markov": judged(np.maximum(places - 2, 1), sessions, "markov"),
    }
    given = verdict(judged(places - 1, sessions), baselines)
    assert not given.accepted
    assert "markov" in given.reason


def test_higher_recall_does_not_buy_a_much_lower_mrr(sessions: Sessions, places: np.ndarray) -> None:
    # Every target is found, but none near the top.
    model = judged(np.full_like(places, 20), sessions)
    given = verdict(model, floors(np.where(places < 15, 1, places), sessions))
    assert model.recall == 1
    assert not given.accepted
    assert "MRR@20" in given.reason
    assert "significantly below" in given.reason


def test_a_hair_less_recall_is_forgiven_for_more_mrr(sessions: Sessions, places: np.ndarray) -> None:
    better = places.copy()
    better[places < 21] = np.maximum(places[places < 21] // 2, 1)
    better[np.flatnonzero(places == 20)[:1]] = 21
    model = judged(better, sessions)
    baselines = floors(places, sessions)
    assert model.recall < baselines["markov"].recall
    assert verdict(model, baselines).accepted


def test_one_track_for_everyone_is_refused(sessions: Sessions, places: np.ndarray) -> None:
    given = verdict(judged(places - 1, sessions, first=1), floors(places, sessions))
    assert not given.accepted
    assert "same track first" in given.reason


def test_figures_that_are_no_numbers_are_refused(sessions: Sessions, places: np.ndarray) -> None:
    good = judged(places - 1, sessions)
    for broken in (
        replace(good, log_loss=math.nan),
        replace(good, log_loss=math.inf),
        replace(good, figures={**good.figures, "mrr@20": math.nan}),
    ):
        given = verdict(broken, floors(places, sessions))
        assert not given.accepted
        assert "weights are broken" in given.reason


def test_a_network_of_nan_weights_is_refused(sessions: Sessions) -> None:
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=4, embedding_size=4))
    with torch.no_grad():
        network.input_table[:] = math.nan
    given = verdict(evaluate(JudgedNetwork(network), sessions), judge_baselines(sessions, sessions, V))
    assert not given.accepted
    assert "NaN" in given.reason


def test_a_network_that_has_learned_nothing_is_refused(sessions: Sessions) -> None:
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=4, embedding_size=4))
    given = verdict(evaluate(JudgedNetwork(network), sessions), judge_baselines(sessions, sessions, V))
    assert not given.accepted


def test_a_baseline_judged_on_other_targets_is_an_error(sessions: Sessions, places: np.ndarray) -> None:
    fewer = sessions.select(np.arange(len(sessions) - 1))
    with pytest.raises(ValueError, match="same targets"):
        verdict(judged(places - 1, sessions), floors(places, fewer))
