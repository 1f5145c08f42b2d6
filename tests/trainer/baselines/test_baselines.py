"""Every baseline against a plain reading of its paper, one target at a time over the whole catalogue."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dataset.folder import Sessions
from app.trainer.baselines import item_knn, markov, popularity, sequential_rules, v_sknn
from app.trainer.baselines.sequential_rules import Decay
from app.trainer.judgement import Judged
from app.trainer.targets import Targets
from tests.listening import sessions_of
from tests.trainer.playlists import playlists

V = 7
Score = tuple[object, ...]
Scores = Callable[[list[list[int]], list[int]], dict[int, Score]]
"""From training playlists and what was heard: a sortable score of each track the baseline knows of, more is better."""


def markov_scores(training: list[list[int]], heard: list[int]) -> dict[int, Score]:
    return rule_scores(training, heard, 1, lambda _: Fraction(1))


def quadratic_scores(training: list[list[int]], heard: list[int]) -> dict[int, Score]:
    return rule_scores(training, heard, 9, lambda apart: Fraction(1, apart**2))


def linear_scores(training: list[list[int]], heard: list[int]) -> dict[int, Score]:
    return rule_scores(training, heard, 9, lambda apart: 1 - Fraction(apart, 10))


def rule_scores(
    training: list[list[int]], heard: list[int], steps: int, weight: Callable[[int], Fraction]
) -> dict[int, Score]:
    sums: dict[int, Fraction] = {}
    first: dict[int, int] = {}
    clock = 0
    for playlist in training:
        for t, track in enumerate(playlist):
            clock += 1
            for apart in range(1, min(steps, t) + 1):
                if playlist[t - apart] == heard[-1]:
                    sums[track] = sums.get(track, Fraction(0)) + weight(apart)
                    first.setdefault(track, clock)
    return {track: (value, -first[track]) for track, value in sums.items()}


def item_knn_scores(training: list[list[int]], heard: list[int]) -> dict[int, Score]:
    held = [set(playlist) for playlist in training]
    plays = [sum(playlist.count(track) for playlist in training) for track in range(V)]
    counts = [sum(track in session for session in held) for track in range(V)]
    last = heard[-1]
    scores: dict[int, Score] = {}
    for track in range(V):
        together = sum(last in session and track in session for session in held)
        if together and track != last:
            cosine = together / np.sqrt((counts[last] + 20) * (counts[track] + 20))
            popular = sum(other >= plays[track] for other in plays)
            scores[track] = (round(float(cosine), 9), -popular, -track)
    return scores


def v_sknn_scores(training: list[list[int]], heard: list[int]) -> dict[int, Score]:
    n = len(heard)
    weight = {track: Fraction(i, n) ** 2 for i, track in enumerate(heard, start=1)}
    sharing = [number for number, playlist in enumerate(training) if set(playlist) & set(heard)][-4:]
    similarity = {s: sum((weight[track] for track in set(training[s]) & set(heard)), Fraction(0)) for s in sharing}
    nearest = sorted(sharing, key=lambda s: (-similarity[s], -s))[:3]
    scores: dict[int, Fraction] = {}
    for s in nearest:
        step = next(i for i, track in enumerate(reversed(heard), start=1) if track in training[s])
        for track in set(training[s]):
            scores[track] = scores.get(track, Fraction(0)) + similarity[s] / step**2
    return {track: (value,) for track, value in scores.items()}


def few_neighbours(sessions: Sessions, catalogue_size: int) -> Judged:
    return v_sknn.fit(sessions, catalogue_size, neighbours=3, sample=4)


def linear_rules(sessions: Sessions, catalogue_size: int) -> Judged:
    return sequential_rules.fit(sessions, catalogue_size, decay=Decay.LINEAR)


EACH = [
    pytest.param(popularity.fit, lambda _training, _heard: {}, id="popularity"),
    pytest.param(markov.fit, markov_scores, id="markov"),
    pytest.param(sequential_rules.fit, quadratic_scores, id="sequential rules"),
    pytest.param(linear_rules, linear_scores, id="linear rules"),
    pytest.param(item_knn.fit, item_knn_scores, id="item-kNN"),
    pytest.param(few_neighbours, v_sknn_scores, id="V-SKNN"),
]


@pytest.mark.parametrize(("fit", "scores"), EACH)
@given(training=playlists(V), test=playlists(V, most=3))
@settings(max_examples=40, deadline=None)
def test_places_are_those_of_scoring_every_track(
    fit: Callable[[Sessions, int], Judged], scores: Scores, training: list[list[int]], test: list[list[int]]
) -> None:
    plays = [sum(playlist.count(track) for playlist in training) for track in range(V)]
    places, _ = judged(fit(sessions_of(*training), V), sessions_of(*test))
    expected = []
    for playlist in test:
        for t in range(1, len(playlist)):
            known = scores(training, playlist[:t])
            # What the baseline knows of stands first; the rest by plays. A tie counts against the target.
            ranked = [(1, *known[track]) if track in known else (0, plays[track]) for track in range(V)]
            expected.append(sum(other >= ranked[playlist[t]] for other in ranked))
    assert places.tolist() == expected


@pytest.mark.parametrize(("fit", "scores"), EACH)
@given(training=playlists(V), test=playlists(V, most=3), depth=st.integers(1, V))
@settings(max_examples=25, deadline=None)
def test_what_is_recommended_agrees_with_the_places(
    fit: Callable[[Sessions, int], Judged],
    scores: Scores,
    training: list[list[int]],
    test: list[list[int]],
    depth: int,
) -> None:
    del scores
    asked = sessions_of(*test)
    places, tops = judged(fit(sessions_of(*training), V), asked, depth)
    assert tops.shape == (len(places), depth)
    for place, track, top in zip(places, Targets.of(asked).tracks, tops, strict=True):
        assert len(set(top.tolist())) == depth
        # A place is the last of its tie, so a target within the depth is always shown.
        assert place > depth or track in top


@given(training=playlists(V), previous=st.integers(0, V - 1))
@settings(max_examples=60, deadline=None)
def test_the_probabilities_of_a_row_sum_to_one(training: list[list[int]], previous: int) -> None:
    sessions = sessions_of(*training)
    everything = np.arange(V, dtype=np.int32)
    rows = markov.fit(sessions, V).probabilities(np.full(V, previous, np.int32), everything)
    assert (rows > 0).all()
    assert rows.sum() == pytest.approx(1)
    assert popularity.fit(sessions, V).probabilities.sum() == pytest.approx(1)


def test_a_baseline_that_has_seen_nothing_ranks_everything_last() -> None:
    for fit in (popularity.fit, markov.fit, sequential_rules.fit, item_knn.fit, v_sknn.fit):
        places, _ = judged(fit(sessions_of(), V), sessions_of([1, 2]))
        assert places.tolist() == [V], fit.__module__


def test_the_tracks_of_a_very_long_session_do_not_all_count_as_heard_together() -> None:
    heard = list(range(1200))
    baseline = item_knn.fit(sessions_of(heard), 1200, neighbours=2000)
    sizes = np.diff(baseline.successors.starts)
    assert sizes.tolist() == [499] * 1000 + [199] * 200


def judged(baseline: Judged, sessions: Sessions, depth: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return the places (N,) and tops (N, depth) of all targets, in order."""
    number = len(Targets.of(sessions))
    places, tops = np.zeros(number, np.int64), np.full((number, depth), -1, np.int32)
    for judgement in baseline.judge(sessions, depth):
        places[judgement.targets] = judgement.places
        tops[judgement.targets] = judgement.tops
    return places, tops
