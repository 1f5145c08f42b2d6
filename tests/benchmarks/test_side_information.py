"""The benchmark of new tracks: nothing of them is learned; each way of adding them is judged on the same targets."""

import numpy as np
import pytest

from app.trainer.recipe import Recipe
from app.trainer.targets import Targets, play_counts
from benchmarks.quality_data import load
from benchmarks.side_information import HeldOut, hold_out, judge, popularity, variants


@pytest.fixture(scope="module")
def held() -> HeldOut:
    return hold_out(load("demo", 400), sessions=10)


def test_what_is_held_out_is_not_learned_and_is_asked_for(held: HeldOut) -> None:
    assert len(held.before) + len(held.new) == len(held.catalogue)
    assert len(held.new) > 100
    assert held.training.tracks.max() < held.known
    assert play_counts(held.training_with_new, len(held.catalogue))[held.known :].min() > 0
    assert (Targets.of(held.test).tracks >= held.known).any()


def test_popularity_puts_new_tracks_last(held: HeldOut) -> None:
    new = Targets.of(held.test).tracks >= held.known
    assert (popularity(held)[new] == len(held.catalogue)).all()


def test_every_variant_places_every_target(held: HeldOut) -> None:
    """Drawn rows hardly find a new track; rows of their like do."""
    recipe = Recipe(hidden_size=16, embedding_size=16, normalised=True, cooccurrence_start=True, epochs=1)
    new = Targets.of(held.test).tracks >= held.known
    found: dict[str, float] = {}
    for label, network, mixture in variants(held, recipe):
        places, share = judge(held, network, mixture)
        assert places.min() >= 1
        assert places.max() <= len(held.catalogue)
        assert 0 <= share <= 1
        found[label] = float(np.median(places[new]))
    assert list(found) == ["drawn rows", "artist mean", "segue models add-tracks", "trained with them"]
    assert found["segue models add-tracks"] < found["drawn rows"]
