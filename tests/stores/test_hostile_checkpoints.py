"""Checkpoints made to do harm: each is refused by name, whoever reads it, and what serves goes on."""

import json
import shutil
from pathlib import Path

import pytest

from app.errors import CorruptCheckpoint, SegueError
from app.serving.reloader import load_served
from app.stores.checkpoints import CheckpointStore
from app.stores.labels import LABELS_FILE
from tests.rnn.drafts import new_draft
from tests.stores.hostile import HOSTILE


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    CheckpointStore(root).promote("stable", CheckpointStore(root).publish(new_draft()).checkpoint_id)
    return root


@pytest.mark.parametrize("name", list(HOSTILE))
def test_it_is_refused_by_name_and_what_serves_goes_on(
    name: str, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, error, message = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "store"
    shutil.copytree(published, root)
    stable = str(CheckpointStore(root).labels().stable)
    shutil.copytree(root / stable, tmp_path / "made" / stable)
    made = make(tmp_path / "made" / stable)
    shutil.rmtree(root / made.name, ignore_errors=True)
    # Beside the one that serves, under a time of its own.
    hostile = root / made.name
    if hostile.name != stable:
        made.rename(hostile)
    else:
        shutil.copytree(made, hostile, symlinks=True)
    store = CheckpointStore(root)
    for read in (lambda: load_served(store, hostile.name), lambda: store.verify(hostile.name)):
        with pytest.raises(error, match=message):
            read()
    assert not (tmp_path / "exploded").exists()
    if hostile.name != stable:
        assert store.load("stable").checkpoint_id == stable


@pytest.mark.parametrize(
    ("stable", "message"),
    [
        ("../../etc", r"\.\./\.\./etc"),
        ("/etc", "/etc"),
        (".publishing-1-00000000", "publishing"),
        (["20261122T101500Z-3f9c1a"], "3f9c1a"),
        (7, "7"),
    ],
)
def test_labels_that_name_no_checkpoint_are_refused_by_name(stable: object, message: str, tmp_path: Path) -> None:
    labels = {"version": 1, "stable": stable, "canary": None, "shadow": None, "history": []}
    (tmp_path / LABELS_FILE).write_text(json.dumps(labels))
    store = CheckpointStore(tmp_path)
    with pytest.raises(CorruptCheckpoint, match=message):
        store.labels()
    with pytest.raises(SegueError):
        store.load("stable")
