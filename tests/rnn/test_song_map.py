"""The song map of a network: its most probable tracks first, each where its vector puts it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.domain.catalogue import Catalogue
from app.errors import CorruptCheckpoint, NoSongMap
from app.rnn import song_map
from app.rnn.checkpoint_files import MAP_FILE, file_sha256
from app.rnn.checkpoint_map import read_checkpoint_map
from app.rnn.song_map import CLUSTERS, song_map_of
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import flip_byte, new_draft, small_catalogue


def test_the_most_probable_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Popular is what the network expects of somebody who has heard nothing; further ones are left out."""
    draft = new_draft(size=40)
    assert draft.network.output_bias is not None
    with torch.no_grad():
        draft.network.output_bias.copy_(torch.arange(40.0))
    monkeypatch.setattr(song_map, "MOST_POINTS", 10)
    found = song_map_of(draft.network, draft.catalogue)
    assert found.catalogue_size == 40
    assert [point.track_id for point in found.points] == [f"t{row}" for row in range(39, 29, -1)]
    assert draft.network.training, "the network is left as it was"


def test_points_carry_the_first_they_are_known_by_and_a_cluster() -> None:
    """The genre, else the first tag, else nothing."""
    first, second, *others = small_catalogue(30)
    named = [replace(first, genre="rock", tags=("live",)), replace(second, tags=("fado", "live")), *others]
    found = song_map_of(new_draft(size=30).network, Catalogue(named))
    genres = {point.track_id: point.genre for point in found.points}
    assert (genres["t0"], genres["t1"], genres["t2"]) == ("rock", "fado", None)
    assert {point.cluster for point in found.points} <= set(range(CLUSTERS))
    assert len({point.cluster for point in found.points}) > 1


def test_a_published_checkpoint_has_a_map_and_an_old_one_says_that_it_has_none(tmp_path: Path) -> None:
    """What was published before there were maps is as good a checkpoint as before."""
    store = CheckpointStore(tmp_path)
    draft = new_draft()
    manifest = store.publish(draft)
    assert store.song_map(manifest.checkpoint_id) == song_map_of(draft.network, draft.catalogue)
    old = replace(manifest, files={name: digest for name, digest in manifest.files.items() if name != MAP_FILE})
    with pytest.raises(NoSongMap, match="was published without"):
        read_checkpoint_map(tmp_path / manifest.checkpoint_id, old)


def test_a_changed_map_is_refused(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    manifest = store.publish(new_draft())
    file = tmp_path / manifest.checkpoint_id / MAP_FILE
    flip_byte(file, 100)
    with pytest.raises(CorruptCheckpoint, match=MAP_FILE):
        store.song_map(manifest.checkpoint_id)
    file.write_bytes(b"no map")
    forged = replace(manifest, files={**manifest.files, MAP_FILE: file_sha256(file)})
    with pytest.raises(CorruptCheckpoint, match="cannot be read"):
        read_checkpoint_map(file.parent, forged)
