"""A small checkpoint grown large."""

from pathlib import Path

import pytest
import torch

from app.rnn.retrieval.ranker import IndexedRanker
from app.stores.checkpoints import CheckpointStore
from benchmarks import large_catalogue
from benchmarks.large_catalogue import build, grow, learn, listen
from tests.rnn.drafts import V, new_draft

TRACKS = 2000


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("base")
    draft = new_draft(tied=True, embedding_size=8)
    return root / CheckpointStore(root).publish(draft).checkpoint_id


def test_a_server_loads_what_was_grown(base: Path, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    predictor = store.load(build(tmp_path, TRACKS, base=base))
    assert len(predictor.catalogue) == TRACKS
    assert len({track.track_id for track in predictor.catalogue}) == TRACKS
    assert not isinstance(predictor.ranker, IndexedRanker)
    assert len(store.search(store.ids()[0]).find("artist", 5)) == 5


def test_the_same_seed_grows_the_same_rows(base: Path) -> None:
    learned = learn(base)
    first, second = (large_catalogue.enlarged(learned, grow(learned, TRACKS, 3), 3) for _ in range(2))
    assert torch.equal(first.input_table, second.input_table)
    assert torch.equal(first.input_table.std(0) > 0, torch.ones(8, dtype=torch.bool))


def test_playlists_are_of_tracks_there_are(base: Path) -> None:
    learned = learn(base)
    playlists = listen(learned, grow(learned, TRACKS, 1), 1)
    assert len(playlists) == large_catalogue.PLAYLISTS
    assert {len(rows) for rows in playlists} == set(range(1, large_catalogue.LONGEST + 1))
    assert all(0 <= row < TRACKS for rows in playlists for row in rows)


def test_popularity_lasts(base: Path) -> None:
    """A tenth of the tracks has far more than a tenth of the plays, and the higher biases."""
    learned = learn(base)
    growth = grow(learned, TRACKS, 1)
    network = large_catalogue.enlarged(learned, growth, 1)
    popular = torch.from_numpy(growth.popularity).topk(TRACKS // 10).indices
    assert network.output_bias is not None
    assert network.output_bias[popular].mean() > network.output_bias.mean() + 0.5
    assert len(learned.tracks) == V
