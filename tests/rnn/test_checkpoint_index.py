"""A checkpoint with an index, from the draft to the answers of what is loaded."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.domain.catalogue import Track
from app.domain.ranking import StepRequest
from app.errors import CorruptCheckpoint
from app.rnn.manifest import Manifest
from app.rnn.retrieval.ranker import IndexedRanker
from app.stores.additions import add_tracks
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import flip_byte
from tests.rnn.retrieval.indexes import V, clustered_network, indexed_draft, playlists


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    store = CheckpointStore(tmp_path_factory.mktemp("store"))
    store.publish(indexed_draft())
    return store


@pytest.fixture(scope="module")
def manifest(store: CheckpointStore) -> Manifest:
    return store.list()[0]


def test_the_manifest_tells_how_it_is_searched_and_how_good_that_is(manifest: Manifest) -> None:
    assert {"index.faiss", "index.safetensors"} <= manifest.files.keys()
    assert manifest.index["rows"] == "half"
    assert manifest.index["recall_at_20"] > 0.97
    assert manifest.index.keys() >= {"clusters", "probes", "head", "log_total_error_mean", "log_total_error_std"}
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_a_server_ranks_by_it_nearly_as_the_trained_network_would(store: CheckpointStore, manifest: Manifest) -> None:
    predictor = store.load(manifest.checkpoint_id)
    assert isinstance(predictor.ranker, IndexedRanker)
    assert predictor.network.in_halves
    agreed = 0
    for tracks in playlists(3, 50):
        answer = predictor.step([StepRequest(None, tuple(tracks), tuple(tracks), frozenset(), 20)])[0].ranking
        logits = clustered_network().logits(clustered_network()(torch.tensor([tracks]))[0][0, -1])
        agreed += len({*answer.tracks} & {*logits.topk(20).indices.tolist()})
        exact = logits.softmax(0)[list(answer.tracks)]
        assert answer.probabilities == pytest.approx(exact.tolist(), rel=0.2)
    assert agreed >= 0.97 * 50 * 20


def test_what_was_published_is_verified(store: CheckpointStore, manifest: Manifest) -> None:
    store.verify(manifest.checkpoint_id)


def test_tracks_are_added_to_it_and_the_index_is_made_again(store: CheckpointStore, manifest: Manifest) -> None:
    added = store.manifest(add_tracks(store, manifest.checkpoint_id, [Track("new", "New", "Artist 1")]).checkpoint_id)
    # So few tracks would not get an index of their own accord.
    assert not added.index
    assert store.load(added.checkpoint_id).catalogue.index_of("new") == V


@pytest.mark.parametrize("name", ["index.faiss", "index.safetensors"])
def test_a_flipped_byte_is_named_and_refused(tmp_path: Path, name: str) -> None:
    store = CheckpointStore(tmp_path)
    manifest = store.publish(indexed_draft())
    flip_byte(tmp_path / manifest.checkpoint_id / name, -100)
    with pytest.raises(CorruptCheckpoint, match=f"{name} of .* was changed or cut short"):
        store.load(manifest.checkpoint_id)


def test_small_catalogues_and_those_without_playlists_are_ranked_exactly(tmp_path: Path) -> None:
    draft = indexed_draft()
    for number, exact in enumerate((replace(draft, indexed_from=V + 1), replace(draft, playlists=()))):
        store = CheckpointStore(tmp_path / str(number))
        manifest = store.publish(exact)
        assert "index" not in json.loads(manifest.to_json())
        assert not isinstance(store.load(manifest.checkpoint_id).ranker, IndexedRanker)
