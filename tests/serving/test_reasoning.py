"""Reasons against the model itself: what it says without a track is what a network that never read it says."""

import pytest

from app.domain.events import EventKind
from app.domain.ranking import StepRequest
from app.domain.recommendation import Ask, ReasonKind
from app.serving.recommender import Recommender
from app.stores.checkpoints import CheckpointStore
from tests.serving.conftest import V, event, someone

pytestmark = pytest.mark.anyio


async def test_a_lift_is_how_much_less_probable_it_is_without_that_track(
    recommender: Recommender, checkpoints: CheckpointStore
) -> None:
    """Every reason of every track, computed once more by hand; the three strongest, and popularity last."""
    ann = someone()
    played = [3, 17, 28, 41]
    events = [event(ann, played[0], EventKind.SEEDED), *(event(ann, row) for row in played[1:])]
    answer = await recommender.observe(ann, events, Ask(limit=8, reasons=True))
    predictor = checkpoints.load("stable")

    def probabilities(rows: tuple[int, ...]) -> dict[int, float]:
        ranking = predictor.step([StepRequest(None, rows, rows, frozenset(), V)])[0].ranking
        return dict(zip(ranking.tracks, ranking.probabilities, strict=True))

    full, start = probabilities(tuple(played)), probabilities(())
    assert len(answer.reasons) == len(answer.tracks) == 8
    assert any(own for own in answer.reasons)
    for ranked, own in zip(answer.tracks, answer.reasons, strict=True):
        row = int(ranked.track.track_id[1:])
        expected = {}
        for place, heard in enumerate(played):
            lift = full[row] / probabilities((*played[:place], *played[place + 1 :]))[row]
            if lift >= 1.1:
                expected[f"t{heard}"] = lift
        told = {reason.track_id: reason.lift for reason in own if reason.track_id is not None}
        assert told == pytest.approx({name: expected[name] for name in told}, rel=0.01)
        assert len(told) == min(3, len(expected))
        assert list(told.values()) == sorted(told.values(), reverse=True)
        assert {reason.kind for reason in own if reason.track_id == "t3"} <= {ReasonKind.SEED}
        popularity = [reason.lift for reason in own if reason.kind is ReasonKind.POPULARITY]
        assert popularity == ([pytest.approx(start[row] * V, rel=0.01)] if start[row] * V >= 1.1 else [])


async def test_without_asking_there_are_none(recommender: Recommender) -> None:
    ann = someone()
    assert (await recommender.observe(ann, [event(ann, 1)], Ask(limit=3))).reasons == ()
    # Of a listener who heard nothing only popularity speaks.
    start = await recommender.recommend(Ask(limit=3, reasons=True))
    assert {reason.kind for own in start.reasons for reason in own} <= {ReasonKind.POPULARITY}
