"""A checkpoint with more tracks is another checkpoint, published with the same care."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.catalogue import Track
from app.domain.ranking import StepRequest
from app.errors import InvalidRequest, TrackExists, UnknownCheckpoint
from app.stores.additions import add_tracks
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import V, new_draft
from tests.rnn.memories import new_mixture

NEW = (Track("new1", "New Song", "Artist 4", tags=("live",)), Track("new2", "ニュー", "坂本龍一"))


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path)


def test_the_new_checkpoint_holds_old_and_new_tracks(store: CheckpointStore) -> None:
    """The old one stays as it was, and the labels too."""
    old = store.publish(new_draft())
    new = add_tracks(store, old.checkpoint_id, NEW)
    assert new.checkpoint_id != old.checkpoint_id
    predictor = store.load(new.checkpoint_id)
    assert list(predictor.catalogue) == [*store.load(old.checkpoint_id).catalogue, *NEW]
    for name in (old.checkpoint_id, new.checkpoint_id):
        store.verify(name)
    assert list(store.search(new.checkpoint_id).find("new song", 1)) == [V]
    assert store.labels().version == 0


def test_what_was_ranked_before_is_ranked_the_same(store: CheckpointStore) -> None:
    """Among themselves the old tracks keep their order; a new one can be read and suggested."""
    old = store.publish(new_draft())
    new = add_tracks(store, old.checkpoint_id, NEW)
    asked = StepRequest(None, (0, 3), (0, 3), frozenset(), V + 2)
    names = (old.checkpoint_id, new.checkpoint_id)
    before, after = (store.load(name).step([asked])[0].ranking.tracks for name in names)
    assert [row for row in after if row < V] == list(before)
    assert {V, V + 1} < set(after)
    read = store.load(new.checkpoint_id).step([StepRequest(None, (V, 2), (V, 2), frozenset({V}), 5)])[0]
    assert len(read.ranking.tracks) == 5


def test_figures_are_carried_over_with_a_note(store: CheckpointStore) -> None:
    old = store.manifest(store.publish(new_draft()).checkpoint_id)
    once = add_tracks(store, old.checkpoint_id, NEW[:1])
    twice = add_tracks(store, once.checkpoint_id, NEW[1:])
    assert once.reason == "beats popularity and Markov Judged before 1 track was added."
    assert twice.reason == "beats popularity and Markov Judged before 2 tracks were added."
    assert (twice.accepted, twice.metrics, twice.baselines) == (True, old.metrics, old.baselines)
    assert twice.training == old.training
    assert twice.data == {**old.data, "added_tracks": {"tracks": 2, "judged": old.checkpoint_id}}
    report = {name: digest for name, digest in old.files.items() if name.startswith("report/")}
    assert report.items() <= twice.files.items()


def test_a_rejected_checkpoint_stays_rejected(store: CheckpointStore) -> None:
    rejected = store.publish(new_draft(accepted=False))
    assert not add_tracks(store, rejected.checkpoint_id, NEW).accepted


def test_the_memory_of_past_listening_comes_along(store: CheckpointStore) -> None:
    """New tracks are in no past session; what is said of the others is the same."""
    mixture = new_mixture(1, V)
    old = store.publish(replace(new_draft(), mixture=mixture))
    new = add_tracks(store, old.checkpoint_id, NEW)
    kept = store.load(new.checkpoint_id).mixture
    assert kept is not None
    assert kept.memory.catalogue_size == V + 2
    assert kept.settings == mixture.settings
    store.verify(new.checkpoint_id)


def test_a_track_the_catalogue_holds_is_refused_and_nothing_is_published(store: CheckpointStore) -> None:
    old = store.publish(new_draft())
    with pytest.raises(TrackExists, match="'t3' and 1 more"):
        add_tracks(store, old.checkpoint_id, [NEW[0], Track("t3", "Again", "X"), Track("t4", "Again", "X")])
    with pytest.raises(InvalidRequest, match="'new1' again"):
        add_tracks(store, old.checkpoint_id, [NEW[0], NEW[0]])
    with pytest.raises(InvalidRequest, match="at least one"):
        add_tracks(store, old.checkpoint_id, [])
    with pytest.raises(UnknownCheckpoint):
        add_tracks(store, "canary", NEW)
    assert store.ids() == [old.checkpoint_id]
