import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.domain.ranking import StepRequest
from app.errors import CheckpointError, CorruptCheckpoint, IncompatibleCheckpoint, InvalidRequest, UnknownCheckpoint
from app.rnn.checkpoint import ask
from app.rnn.checkpoint_files import MANIFEST_FILE, file_sha256
from app.rnn.manifest import CHECKPOINT_ID, Manifest
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import V, flip_byte, new_draft, small_catalogue

ALL_FILES = [
    "checkpoint.json",
    "catalogue.parquet",
    "weights.safetensors",
    "map.parquet",
    "tracks.sqlite",
    "report/report.html",
    "report/curve.png",
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A store with one checkpoint; to be copied, not changed."""
    root = tmp_path_factory.mktemp("published")
    return root, CheckpointStore(root).publish(new_draft())


@pytest.fixture
def store(tmp_path: Path, published: tuple[Path, Manifest]) -> CheckpointStore:
    shutil.copytree(published[0], tmp_path / "store")
    return CheckpointStore(tmp_path / "store")


@pytest.fixture
def folder(store: CheckpointStore) -> Path:
    return store.root / store.ids()[0]


def left_aside(root: Path) -> list[str]:
    """What is hidden in the store, the lock aside."""
    return [path.name for path in root.iterdir() if path.name.startswith(".") and path.name != ".lock"]


def test_predictors_keep_hidden_states_as_precisely_as_the_store_says(store: CheckpointStore) -> None:
    half = CheckpointStore(store.root, hidden_precision="half").load(store.list()[0].checkpoint_id)
    request = StepRequest(None, (1,), (1,), frozenset(), 0)
    assert len(half.step([request])[0].hidden.data) == 2 * half.network.read_size


def test_a_published_checkpoint_loads_and_answers_as_it_was_trained(published: tuple[Path, Manifest]) -> None:
    root, manifest = published
    store = CheckpointStore(root)
    predictor = store.load(manifest.checkpoint_id)
    draft = new_draft()
    assert predictor.checkpoint_id == manifest.checkpoint_id
    assert list(predictor.catalogue) == list(draft.catalogue)
    (step,) = predictor.step([StepRequest(None, draft.probe, draft.probe, frozenset(), 5)])
    assert list(step.ranking.tracks) == list(ask(draft.network, draft.probe).top[:5])
    assert store.list() == [store.manifest(manifest.checkpoint_id)]
    assert store.damaged() == {}
    store.verify(manifest.checkpoint_id)


def test_the_manifest_tells_how_it_was_judged(published: tuple[Path, Manifest]) -> None:
    root, manifest = published
    stored = CheckpointStore(root).manifest(manifest.checkpoint_id)
    assert CHECKPOINT_ID.fullmatch(stored.checkpoint_id)
    assert stored.accepted
    assert stored.metrics == {"recall@20": 0.5, "mrr@20": 0.25, "loss": None}
    assert stored.baselines["markov"] == {"recall@20": 0.2}
    assert stored.training["run"] == "runs/one"
    assert stored.network == new_draft().network.config
    assert stored.created_at.endswith("+00:00")
    assert sorted([*stored.files, MANIFEST_FILE]) == sorted(ALL_FILES)
    assert all(file_sha256(root / stored.checkpoint_id / name) == digest for name, digest in stored.files.items())


def test_the_search_is_published_with_the_tracks(published: tuple[Path, Manifest]) -> None:
    root, manifest = published
    search = CheckpointStore(root).search(manifest.checkpoint_id)
    assert search.find("bjork joga", 3)[0] == 0
    search.close()


def test_publishing_leaves_nothing_aside_and_promotes_nothing(published: tuple[Path, Manifest]) -> None:
    root, _ = published
    assert left_aside(root) == []
    assert CheckpointStore(root).labels().stable is None


def test_published_files_are_marked_read_only(published: tuple[Path, Manifest]) -> None:
    root, manifest = published
    assert all((root / manifest.checkpoint_id / name).stat().st_mode & 0o222 == 0 for name in manifest.files)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_flipped_byte_is_named_and_refused(store: CheckpointStore, folder: Path, name: str) -> None:
    size = (folder / name).stat().st_size
    for at in {0, size // 2, size - 1}:
        content = (folder / name).read_bytes()
        flip_byte(folder / name, at)
        for read in (store.verify, store.load):
            with pytest.raises(CheckpointError, match=name):
                read(folder.name)
        (folder / name).write_bytes(content)
    store.verify(folder.name)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_truncated_file_is_named_and_refused(store: CheckpointStore, folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).chmod(0o644)
    for length in (0, len(content) - 1):
        (folder / name).write_bytes(content[:length])
        with pytest.raises(CorruptCheckpoint, match=name):
            store.load(folder.name)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_missing_file_is_named_and_its_checkpoint_not_listed(store: CheckpointStore, folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert store.list() == []
    assert list(store.damaged()) == [folder.name]
    for read in (store.load, store.verify, store.manifest):
        with pytest.raises(CorruptCheckpoint, match=name):
            read(folder.name)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_link_out_of_the_folder_is_refused(store: CheckpointStore, folder: Path, tmp_path: Path, name: str) -> None:
    """Even when the bytes are right: whoever owns the target could change them."""
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    with pytest.raises(CorruptCheckpoint, match=name):
        store.load(folder.name)


def test_a_linked_folder_is_no_checkpoint(store: CheckpointStore, folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / folder.name)
    folder.symlink_to(tmp_path / folder.name)
    assert store.list() == []
    with pytest.raises(UnknownCheckpoint):
        store.load(folder.name)


def test_a_renamed_checkpoint_is_refused(store: CheckpointStore, folder: Path) -> None:
    folder.rename(folder.with_name("20200101T000000Z-abcdef"))
    with pytest.raises(CorruptCheckpoint, match="20200101T000000Z-abcdef"):
        store.load("20200101T000000Z-abcdef")


def test_a_search_index_of_other_tracks_is_refused(store: CheckpointStore) -> None:
    """Two checkpoints put together from the files of each other."""
    draft = new_draft(2)
    other = store.publish(replace(new_draft(3, size=V + 1), probe=(1,)))
    files = store.root / other.checkpoint_id
    mixed = store.publish(draft)
    target = store.root / mixed.checkpoint_id
    (target / "tracks.sqlite").unlink()
    shutil.copy(files / "tracks.sqlite", target)
    with pytest.raises(CorruptCheckpoint, match=r"tracks\.sqlite"):
        store.verify(mixed.checkpoint_id)


def test_checkpoints_are_named_by_id_label_or_a_part_that_is_theirs_alone(store: CheckpointStore, folder: Path) -> None:
    day, digest = folder.name[:8], folder.name[-6:]
    assert [store.resolve(name) for name in (folder.name, day, digest)] == [folder.name] * 3
    with pytest.raises(UnknownCheckpoint, match="labelled stable"):
        store.load("stable")
    store.promote("stable", folder.name)
    assert store.manifest("stable").checkpoint_id == folder.name
    second = store.publish(new_draft(5, accepted=False))
    assert second.status == "rejected"
    assert second.reason == "does not beat Markov"
    with pytest.raises(UnknownCheckpoint, match="2 of 2"):
        store.resolve("20")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../store", "/etc", "a/b", "a\x00b", "labels.json", "*", "é", "9" * 65]
)
def test_a_name_is_never_a_path(store: CheckpointStore, name: str) -> None:
    with pytest.raises(UnknownCheckpoint):
        store.load(name)


def test_a_store_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "nowhere")
    assert (store.list(), store.ids(), store.damaged(), store.prune(0)) == ([], [], {}, [])
    with pytest.raises(UnknownCheckpoint, match="none of the 0"):
        store.load("2026")
    assert not (tmp_path / "nowhere").exists()


def test_strangers_in_the_store_are_left_alone(store: CheckpointStore, folder: Path) -> None:
    (store.root / "README.md").write_text("what this folder is")
    (store.root / "notes").mkdir()
    (store.root / "20261122T101500Z-zzzzzz").write_text("a file")
    assert store.ids() == [folder.name]
    store.prune(0)
    assert (store.root / "notes").is_dir()


@pytest.mark.parametrize("problem", ["nan", "catalogue", "probe"])
def test_a_draft_that_must_not_serve_leaves_the_store_as_it_was(tmp_path: Path, problem: str) -> None:
    draft = new_draft()
    if problem == "nan":
        with torch.no_grad():
            draft.network.input_table[0, 0] = float("nan")
    elif problem == "catalogue":
        draft = replace(draft, catalogue=small_catalogue(V + 1))
    else:
        draft = replace(draft, probe=(V,))
    with pytest.raises((CorruptCheckpoint, IncompatibleCheckpoint)):
        CheckpointStore(tmp_path).publish(draft)
    assert CheckpointStore(tmp_path).ids() == []
    assert left_aside(tmp_path) == []


def test_many_publish_at_once_and_all_succeed(tmp_path: Path) -> None:
    """The same draft, too: two checkpoints of one content are told apart by their second."""
    store = CheckpointStore(tmp_path)
    drafts = [new_draft(seed) for seed in (1, 2, 1)]
    with ThreadPoolExecutor(3) as pool:
        ids = [manifest.checkpoint_id for manifest in pool.map(store.publish, drafts)]
    assert len(set(ids)) == 3
    assert store.ids() == sorted(ids, reverse=True)
    assert left_aside(tmp_path) == []
    for checkpoint_id in ids:
        store.verify(checkpoint_id)


def test_pruning_keeps_the_newest_the_labelled_and_the_way_back(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    ids = [store.publish(new_draft(0)).checkpoint_id]
    # Older ones are copies of the first: their manifests would not verify, and pruning must not care.
    for place in range(6):
        ids.insert(0, f"20200101T00000{5 - place}Z-{ids[-1][-6:]}")
        shutil.copytree(tmp_path / ids[-1], tmp_path / ids[0])
    newest = ids[-1]
    second = store.publish(new_draft(1)).checkpoint_id
    third = store.publish(new_draft(2)).checkpoint_id
    for one in (newest, second):
        CheckpointStore(tmp_path).promote("stable", one)
    CheckpointStore(tmp_path).promote("shadow", third)
    assert store.prune(3) == sorted(ids[:-1], reverse=True)
    assert store.prune(0) == []
    assert set(store.ids()) == {newest, second, third}
    with pytest.raises(InvalidRequest):
        store.prune(-1)


def test_a_loaded_checkpoint_outlives_its_removal(store: CheckpointStore, folder: Path) -> None:
    """A server answers its last requests from files that are gone from the store."""
    predictor, search = store.load(folder.name), store.search(folder.name)
    assert store.prune(0) == [folder.name]
    assert not folder.exists()
    (step,) = predictor.step([StepRequest(None, (1, 2), (), frozenset(), 3)])
    assert len(step.ranking.tracks) == 3
    with ThreadPoolExecutor(8) as pool:
        assert all(found[0] == 1 for found in pool.map(lambda _: search.find("acdc", 1), range(32)))
