"""What serves, held against what may take its place: on sessions it has not learned, over another catalogue."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.dataset.folder import Dataset, Sessions, fingerprint_of
from app.domain.catalogue import Catalogue, Track
from app.rnn.manifest import Manifest
from app.stores.checkpoints import CheckpointStore
from app.trainer.evaluation import evaluate
from app.trainer.incumbent import Incumbent, Standing, find_incumbent, learned_until
from app.trainer.judged_network import JudgedNetwork
from app.trainer.publishing import Publication, train_and_publish
from app.trainer.targets import Targets
from app.trainer.warm_start import WarmStart
from tests.listening import sessions_of
from tests.trainer.made_sessions import SMALL, V, markov_chain

DAY = 1_700_000_000
RECIPE = replace(SMALL, skip_input=True, normalised=True)


def heard_from(first_session_s: int, dataset: Dataset) -> Dataset:
    """Give the sessions times: one begins every ten minutes, a track every minute."""
    sessions = dataset.sessions
    began = first_session_s + 600 * np.arange(len(sessions))
    position = np.arange(len(sessions.tracks)) - np.repeat(sessions.offsets[:-1], np.diff(sessions.offsets))
    timed = Sessions(sessions.tracks, sessions.offsets, np.repeat(began, np.diff(sessions.offsets)) + 60 * position)
    return Dataset(dataset.catalogue, timed, fingerprint_of(dataset.catalogue, timed), {})


def published(root: Path, dataset: Dataset) -> Publication:
    store = CheckpointStore(root / "store")
    return train_and_publish(dataset, RECIPE, store, root / "run")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset, Manifest]:
    """A store whose stable checkpoint has learned nine tenths of 300 sessions."""
    root, dataset = tmp_path_factory.mktemp("first"), heard_from(DAY, markov_chain(0.2))
    manifest = published(root, dataset).manifest
    assert manifest.accepted, manifest.reason
    CheckpointStore(root / "store").promote("stable", manifest.checkpoint_id)
    return root, dataset, manifest


def incumbent_of(root: Path, catalogue: Catalogue) -> Incumbent:
    found = find_incumbent(CheckpointStore(root / "store"), catalogue)
    assert isinstance(found, Incumbent)
    return found


def test_a_manifest_says_until_when_it_learned(first: tuple[Path, Dataset, Manifest]) -> None:
    _, dataset, manifest = first
    assert manifest.data["learned_sessions"] == 270
    assert learned_until(manifest) == dataset.sessions.times[: 270 * 11].max()
    assert "serving" not in manifest.data


def test_it_has_not_learned_what_began_afterwards(first: tuple[Path, Dataset, Manifest]) -> None:
    root, dataset, manifest = first
    incumbent = incumbent_of(root, dataset.catalogue)
    until = learned_until(manifest)
    later = heard_from(int(until) - 1200, markov_chain(0.2, count=6))
    assert incumbent.unlearned(later, later.sessions).tolist() == [3, 4, 5]
    _, held_out = dataset.sessions.split(0.2)
    assert incumbent.unlearned(dataset, held_out).tolist() == list(range(30, 60))


def test_sessions_without_times_count_as_learned_but_for_those_of_its_own_data(
    first: tuple[Path, Dataset, Manifest],
) -> None:
    root, dataset, manifest = first
    untimed = markov_chain(0.2)
    _, held_out = untimed.sessions.split(0.2)
    assert incumbent_of(root, dataset.catalogue).unlearned(untimed, held_out).tolist() == []
    own = replace(untimed, fingerprint=manifest.data["fingerprint"])
    assert len(incumbent_of(root, dataset.catalogue).unlearned(own, held_out)) == 30


def test_a_manifest_that_does_not_say_has_learned_nothing_heard_after_it_was_made(
    first: tuple[Path, Dataset, Manifest],
) -> None:
    _, _, manifest = first
    silent = replace(manifest, data={}, created_at="2026-11-22T10:15:00+00:00")
    assert learned_until(silent) == 1_795_342_500
    ahead = replace(silent, data={"learned_until": "2099-01-01T00:00:00+00:00"})
    assert learned_until(ahead) == 1_795_342_500, "nothing is learned before it is heard"


def test_over_its_own_catalogue_it_is_judged_as_any_network(first: tuple[Path, Dataset, Manifest]) -> None:
    root, dataset, manifest = first
    _, held_out = dataset.sessions.split(0.1)
    predictor = CheckpointStore(root / "store").load(manifest.checkpoint_id)
    plain = evaluate(JudgedNetwork(predictor.network, mixture=predictor.mixture), held_out)
    assert evaluate(incumbent_of(root, dataset.catalogue), held_out).figures == plain.figures


def test_tracks_it_does_not_know_are_passed_over_and_missed(first: tuple[Path, Dataset, Manifest]) -> None:
    """Rows stand elsewhere in the new catalogue, and row 0 is a track it has never seen."""
    root, dataset, _ = first
    catalogue = Catalogue([Track("new", "New", "Nobody"), *reversed(list(dataset.catalogue))])
    incumbent = incumbent_of(root, catalogue)
    assert incumbent.lost_tracks == 0
    there = [[3, 24, 11], [5, 38, 29]]
    here = [[V - row for row in playlist] for playlist in there]
    own = {tuple(each): evaluate(incumbent_of(root, dataset.catalogue), sessions_of(each)) for each in there}
    known = evaluate(incumbent, sessions_of(*here))
    assert known.recall == pytest.approx(np.mean([each.recall for each in own.values()]))
    strangers = sessions_of([0, *here[0]], [*here[1][:2], 0, here[1][2]], [0, 0])
    places = np.zeros(len(Targets.of(strangers)), np.int64)
    for judgement in incumbent.judge(strangers, 5):
        places[judgement.targets] = judgement.places
        assert judgement.tops.max(initial=-1) <= V
    assert (places[[0, 4, 6]] > V).all(), "what follows nothing known, and what is not known"
    assert (places[[1, 2, 3, 5]] <= V).all()


def test_a_later_checkpoint_is_compared_on_what_was_heard_since(
    first: tuple[Path, Dataset, Manifest],
) -> None:
    root, _, manifest = first
    more = heard_from(DAY + 600 * 50, markov_chain(0.2))
    publication = published(root, more)
    assert "significantly below that of" not in publication.verdict.reason
    assert publication.manifest.data["serving"] == {
        "checkpoint_id": manifest.checkpoint_id,
        "lost_tracks": 0.0,
        "compared_sessions": 30,
    }
    assert {part["label"] for part in publication.manifest.baselines["serving"]["by_segment"]} >= {"new listeners"}


def test_what_begins_as_another_is_judged_by_what_that_one_has_not_learned(
    first: tuple[Path, Dataset, Manifest],
) -> None:
    root, _, manifest = first
    until = learned_until(manifest)
    predictor = CheckpointStore(root / "store").load(manifest.checkpoint_id)
    warm = WarmStart(manifest.checkpoint_id, predictor.network, predictor.catalogue, until)
    recipe = replace(RECIPE, epochs=1)

    heard = heard_from(int(until) - 600 * 260, markov_chain(0.2))
    store = CheckpointStore(root / "store")
    later = train_and_publish(heard, recipe, store, root / "warm", test_share=0.2, warm=warm).manifest
    assert later.data["test_sessions"] == 39, "of the newest sixty, those that began later"
    assert later.data["base"] == {"checkpoint_id": manifest.checkpoint_id, "learned_test_sessions": 0}
    assert learned_until(later) > until


def test_the_same_sessions_again_are_held_against_what_is_on_record(first: tuple[Path, Dataset, Manifest]) -> None:
    root, dataset, manifest = first
    incumbent = incumbent_of(root, dataset.catalogue)
    _, held_out = dataset.sessions.split(0.1)
    recorded = incumbent.recorded(dataset, held_out)
    assert recorded["recall@20"][0] == manifest.metrics["recall@20"]
    assert incumbent.recorded(dataset, dataset.sessions.split(0.2)[1]) == {}
    assert incumbent.recorded(markov_chain(0.3), held_out) == {}


def test_what_lost_half_its_catalogue_is_published_as_refused(first: tuple[Path, Dataset, Manifest]) -> None:
    root, dataset, manifest = first
    half = Catalogue(list(dataset.catalogue)[: V // 2])
    tracks = dataset.sessions.tracks % (V // 2)
    shrunk = replace(dataset, catalogue=half, sessions=replace(dataset.sessions, tracks=tracks), fingerprint="0" * 64)
    publication = published(root, shrunk)
    assert not publication.manifest.accepted
    assert f"lacks 50.0% of the tracks of {manifest.checkpoint_id}" in publication.manifest.reason


def test_a_stable_that_cannot_be_loaded_stops_nobody(first: tuple[Path, Dataset, Manifest], tmp_path: Path) -> None:
    root, dataset, manifest = first
    shutil.copytree(root / "store", tmp_path / "store")
    store = CheckpointStore(tmp_path / "store")
    (store.root / manifest.checkpoint_id / "weights.safetensors").unlink()
    found = find_incumbent(store, dataset.catalogue)
    assert isinstance(found, Standing)
    assert "weights.safetensors" in found.note
    assert "cannot serve" in found.note
