"""What may serve and what may not."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from app.dataset.folder import Sessions
from app.rnn.manifest import Verdict
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.trainer.comparison import Comparison, judge_baselines
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.gate import FLOORS, verdict
from app.trainer.incumbent import Standing
from app.trainer.judged_network import JudgedNetwork
from app.trainer.judgement import Judgement
from app.trainer.segments import SEGMENTS, segments
from app.trainer.targets import Targets
from tests.listening import sessions_of

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
    return {name: judged(places, sessions, name) for name in ("popularity", "markov", "V-SKNN")}


def beside(model: Metrics, baselines: dict[str, Metrics], standing: Standing | None = None) -> Verdict:
    return verdict(Comparison(model, baselines, standing=standing))


def test_better_in_both_is_accepted_with_the_figures(sessions: Sessions, places: np.ndarray) -> None:
    better = judged(places - 1, sessions)
    given = beside(better, floors(places, sessions))
    assert given.accepted
    assert f"{better.recall:.4f}" in given.reason
    assert "popularity" in given.reason
    assert "markov" in given.reason


def test_equal_is_not_better(sessions: Sessions, places: np.ndarray) -> None:
    given = beside(judged(places, sessions), floors(places, sessions))
    assert not given.accepted
    assert "Neither figure is above popularity's" in given.reason


def test_beating_popularity_alone_is_not_enough(sessions: Sessions, places: np.ndarray) -> None:
    baselines = {
        "popularity": judged(places, sessions, "popularity"),
        "markov": judged(np.maximum(places - 2, 1), sessions, "markov"),
        "V-SKNN": judged(places, sessions, "V-SKNN"),
    }
    given = beside(judged(places - 1, sessions), baselines)
    assert not given.accepted
    assert "markov" in given.reason


def test_higher_recall_does_not_buy_a_much_lower_mrr(sessions: Sessions, places: np.ndarray) -> None:
    # Every target is found, but none near the top.
    model = judged(np.full_like(places, 20), sessions)
    given = beside(model, floors(np.where(places < 15, 1, places), sessions))
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
    assert beside(model, baselines).accepted


def test_one_track_for_everyone_is_refused(sessions: Sessions, places: np.ndarray) -> None:
    given = beside(judged(places - 1, sessions, first=1), floors(places, sessions))
    assert not given.accepted
    assert "same track first" in given.reason


def test_figures_that_are_no_numbers_are_refused(sessions: Sessions, places: np.ndarray) -> None:
    good = judged(places - 1, sessions)
    for broken in (
        replace(good, log_loss=math.nan),
        replace(good, log_loss=math.inf),
        replace(good, figures={**good.figures, "mrr@20": math.nan}),
    ):
        given = beside(broken, floors(places, sessions))
        assert not given.accepted
        assert "weights are broken" in given.reason


def test_a_network_of_nan_weights_is_refused(sessions: Sessions) -> None:
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=4, embedding_size=4))
    with torch.no_grad():
        network.input_table[:] = math.nan
    given = beside(evaluate(JudgedNetwork(network), sessions), judge_baselines(sessions, sessions, V))
    assert not given.accepted
    assert "NaN" in given.reason


def test_a_network_that_has_learned_nothing_is_refused(sessions: Sessions) -> None:
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", V, hidden_size=4, embedding_size=4))
    given = beside(evaluate(JudgedNetwork(network), sessions), judge_baselines(sessions, sessions, V))
    assert not given.accepted


def test_a_baseline_judged_on_other_targets_is_an_error(sessions: Sessions, places: np.ndarray) -> None:
    fewer = sessions.select(np.arange(len(sessions) - 1))
    with pytest.raises(ValueError, match="same targets"):
        beside(judged(places - 1, sessions), floors(places, fewer))


def test_what_past_sessions_alone_do_better_is_refused(sessions: Sessions, places: np.ndarray) -> None:
    baselines = floors(places, sessions) | {"V-SKNN": judged(np.maximum(places - 9, 1), sessions, "V-SKNN")}
    given = beside(judged(places - 1, sessions), baselines)
    assert not given.accepted
    assert "significantly below V-SKNN's" in given.reason


def test_neighbours_that_find_more_but_rank_it_lower_are_no_objection(sessions: Sessions, places: np.ndarray) -> None:
    low = judged(np.where(places <= 40, 20, places), sessions, "V-SKNN")
    model = judged(np.where(places <= 20, 1, places), sessions)
    assert low.recall > model.recall
    assert low.mrr < model.mrr
    assert beside(model, floors(places, sessions) | {"V-SKNN": low}).accepted


def test_neighbours_judged_on_some_sessions_are_held_against_the_same_ones(
    sessions: Sessions, places: np.ndarray
) -> None:
    few = np.arange(0, len(sessions), 3)
    on_few = judged(places[np.isin(Targets.of(sessions).session, few)], sessions.select(few), "V-SKNN")
    baselines = floors(places, sessions) | {"V-SKNN": on_few}
    model = judged(places - 1, sessions)
    assert verdict(Comparison(model, baselines, {"V-SKNN": few})).accepted
    with pytest.raises(ValueError, match="same targets"):
        verdict(Comparison(model, baselines, {"V-SKNN": few[:-1]}))


SERVES = Standing("20261122T101500Z-3f9c1a")


def test_a_checkpoint_worse_than_the_one_that_serves_is_refused(sessions: Sessions, places: np.ndarray) -> None:
    better = judged(np.maximum(places - 6, 1), sessions, "serving")
    given = beside(judged(places - 1, sessions), floors(places, sessions) | {"serving": better}, SERVES)
    assert not given.accepted
    for figure in ("Recall@20", "MRR@20"):
        assert f"{figure} of" in given.reason
    assert "20261122T101500Z-3f9c1a, which serves" in given.reason
    assert "95 % confidence" in given.reason


def test_as_good_as_what_serves_is_good_enough(sessions: Sessions, places: np.ndarray) -> None:
    same = judged(places - 1, sessions, "serving")
    given = beside(judged(places - 1, sessions), floors(places, sessions) | {"serving": same}, SERVES)
    assert given.accepted
    assert "Not worse than 20261122T101500Z-3f9c1a, which serves" in given.reason
    assert f"on {len(sessions)} sessions that it has not learned" in given.reason


@pytest.mark.parametrize("segment", list(SEGMENTS))
def test_a_segment_is_not_sold_for_the_average(segment: str) -> None:
    """Far better in all, and certainly worse for some: refused, naming them."""
    random = np.random.default_rng(3)
    lengths = [24 if number % 4 == 0 else 8 for number in range(160)]
    sessions = sessions_of(*(random.integers(0, V, length).tolist() for length in lengths))
    support = np.where(np.arange(V) < 12, 3, 500)
    targets = Targets.of(sessions)
    inside = segments(targets, support)[segment]
    places = random.integers(2, V, len(targets))
    baselines = {name: evaluate(Placed(places, name=name), sessions, support=support) for name in (*FLOORS, "V-SKNN")}
    serving = evaluate(Placed(np.where(inside, 5, places), name="serving"), sessions, support=support)
    better = np.where(inside, 19 + 2 * (random.random(len(targets)) < 0.4), 1)
    model = evaluate(Placed(better), sessions, support=support)
    assert model.recall > serving.recall
    given = beside(model, baselines | {"serving": serving}, SERVES)
    assert not given.accepted
    assert f"{segment.capitalize()} (" in given.reason
    assert "lose" in given.reason


def test_a_catalogue_that_lost_too_much_is_refused_unless_it_may(sessions: Sessions, places: np.ndarray) -> None:
    model, baselines = judged(places - 1, sessions), floors(places, sessions)
    comparison = Comparison(model, baselines, standing=replace(SERVES, lost_tracks=0.25))
    given = verdict(comparison)
    assert not given.accepted
    assert "catalogue has shrunk: it lacks 25.0% of the tracks of 20261122T101500Z-3f9c1a" in given.reason
    assert verdict(comparison, may_lose=0.25).accepted
    assert verdict(replace(comparison, standing=replace(SERVES, lost_tracks=0.1))).accepted


def test_where_it_has_learned_them_its_own_verdict_is_what_counts(sessions: Sessions, places: np.ndarray) -> None:
    model, baselines = judged(places - 1, sessions), floors(places, sessions)
    as_it_was = {name: (model.figures[name], model.intervals[name]) for name in ("recall@20", "mrr@20")}
    assert "was on the same sessions" in beside(model, baselines, replace(SERVES, recorded=as_it_was)).reason
    value, interval = as_it_was["mrr@20"]
    higher = as_it_was | {"mrr@20": (value + 2 * (interval.high - interval.low), interval)}
    given = beside(model, baselines, replace(SERVES, recorded=higher))
    assert not given.accepted
    assert "MRR@20" in given.reason
    assert "had on the same sessions" in given.reason


def test_every_reason_is_given(sessions: Sessions, places: np.ndarray) -> None:
    given = beside(judged(places, sessions), floors(places, sessions), replace(SERVES, lost_tracks=0.5))
    assert {"popularity's", "markov's"} <= set(given.reason.replace(":", "").split())
    assert "has shrunk" in given.reason
