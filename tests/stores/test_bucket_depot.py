"""A checkpoint store in a bucket, on a local S3: what the folder store promises, and the cache in between."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from app.errors import (
    CheckpointError,
    CorruptCheckpoint,
    InvalidSetting,
    LabelConflict,
    ModelStoreUnavailable,
    UnknownCheckpoint,
    WorseThanBaseline,
)
from app.rnn.checkpoint_files import MANIFEST_FILE, WEIGHTS_FILE
from app.settings import Settings
from app.stores import bucket_depot
from app.stores.bucket import Bucket
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot
from app.stores.labels import LABELS_FILE, Canary, Labels
from tests.emulator import BUCKET, ROOT, SECRET, Emulator, running_emulator
from tests.ports import free_port
from tests.rnn.drafts import flip_byte, new_draft

torch.set_num_threads(1)

PROMOTER = """
import sys, torch
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot
from tests.rnn.drafts import new_draft
torch.set_num_threads(1)
store, label = CheckpointStore(open_depot(Settings())), sys.argv[1]
for seed in range(2):
    published = store.publish(new_draft(seed)).checkpoint_id
    store.promote(label, published, traffic_percent=20 if label == "canary" else None)
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as emulator:
        yield emulator


@pytest.fixture
def url(emulator: Emulator) -> str:  # noqa: ARG001 - it is what answers there
    """A place of its own in the bucket."""
    return f"s3://{BUCKET}/{uuid.uuid4()}/models"


@pytest.fixture
def machine(url: str, tmp_path: Path) -> Callable[..., CheckpointStore]:
    """Return the store as another machine sees it: with a cache of its own."""

    def opened(name: str, gigabytes: float = 1.0) -> CheckpointStore:
        settings = Settings(model_store=url, data_dir=tmp_path / name, model_cache_gb=gigabytes)
        return CheckpointStore(open_depot(settings))

    return opened


@pytest.fixture
def store(machine: Callable[[str], CheckpointStore]) -> CheckpointStore:
    return machine("one")


def publish(store: CheckpointStore, *seeds: int) -> list[str]:
    """Publish drafts and return their ids in the order the store has them, oldest first."""
    return sorted(store.publish(new_draft(seed)).checkpoint_id for seed in seeds)


def test_what_one_machine_publishes_another_serves(
    store: CheckpointStore, machine: Callable[..., CheckpointStore]
) -> None:
    assert (store.ids(), store.labels()) == ([], Labels())
    (one,) = publish(store, 1)
    store.promote("stable", one)
    other = machine("other")
    assert other.labels() == Labels(version=1, stable=one)
    assert other.load("stable").checkpoint_id == one
    assert [manifest.checkpoint_id for manifest in other.list()] == [one]
    assert other.damaged() == {}
    assert other.resolve(one[:12]) == one
    assert other.manifest("stable").data == new_draft(1).data
    assert other.search(one).find("Joga", 1) == [0]
    other.verify(one)
    with pytest.raises(UnknownCheckpoint, match="none of the 1"):
        other.resolve("20200101T000000Z-abcdef")


def test_labels_move_and_return(store: CheckpointStore, machine: Callable[..., CheckpointStore]) -> None:
    one, two = publish(store, 1, 2)
    store.promote("stable", one)
    store.promote("stable", two)
    store.promote("canary", one, traffic_percent=20)
    assert machine("other").rollback() == Labels(version=4, stable=one, canary=Canary(one, 20))
    assert store.rollback("canary", expected_version=4) == store.labels() == Labels(version=5, stable=one)
    with pytest.raises(LabelConflict, match="version 4"):
        store.promote("stable", two, expected_version=4)
    with pytest.raises(UnknownCheckpoint, match="go back"):
        store.rollback()
    rejected = store.publish(new_draft(3, accepted=False)).checkpoint_id
    with pytest.raises(WorseThanBaseline):
        store.promote("stable", rejected)


def test_one_of_many_who_change_the_same_labels_wins(machine: Callable[..., CheckpointStore]) -> None:
    """Who named the version it saw is told; who named none comes after the others, and nothing is lost."""
    stores = [machine(f"machine {number}") for number in range(6)]
    (one,) = publish(stores[0], 1)
    for store in stores:
        assert store.folder(one).is_dir()
    together = threading.Barrier(len(stores))

    def attempt(store: CheckpointStore, version: int | None) -> bool:
        together.wait()
        try:
            store.promote("stable", one, expected_version=version)
        except LabelConflict:
            return False
        return True

    with ThreadPoolExecutor(len(stores)) as pool:
        for version in range(3):
            assert sum(pool.map(attempt, stores, [version] * len(stores))) == 1
            assert stores[0].labels().version == version + 1
        assert all(pool.map(attempt, stores, [None] * len(stores)))
    assert stores[0].labels().version == 3 + len(stores)


def test_two_publishers_of_the_same_content_get_two_checkpoints(machine: Callable[..., CheckpointStore]) -> None:
    """An id names the content and the second: whoever comes later in that second waits for the next."""
    with ThreadPoolExecutor(2) as pool:
        ids = [one for [one] in pool.map(lambda name: publish(machine(name), 1), ("one", "two"))]
    assert len(set(ids)) == 2
    third = machine("third")
    assert sorted(ids, reverse=True) == third.ids()
    for one in ids:
        third.verify(one)


@pytest.mark.long
def test_two_publishers_and_promoters_at_once_lose_nothing(
    url: str, machine: Callable[..., CheckpointStore], tmp_path: Path
) -> None:
    """Two machines publish the same content and label it, twice each: all are whole, and every change is counted."""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTER, label],
            cwd=ROOT,
            env={**os.environ, "SEGUE_MODEL_STORE": url, "SEGUE_DATA_DIR": str(tmp_path / label)},
        )
        for label in ("stable", "canary")
    ]
    assert [process.wait(100) for process in both] == [0, 0]
    store = machine("third")
    assert (len(store.ids()), store.damaged()) == (4, {})
    for checkpoint_id in store.ids():
        store.verify(checkpoint_id)
    labels = store.labels()
    assert (labels.version, len(labels.history)) == (4, 1)
    named = [str(labels.stable), str(labels.named("canary")), *labels.history]
    assert [store.manifest(one).training["seed"] for one in named] == [1, 1, 0]
    assert len(set(named)) == 3


def test_a_damaged_file_of_the_cache_is_fetched_again(
    store: CheckpointStore, machine: Callable[..., CheckpointStore]
) -> None:
    (one,) = publish(store, 1)
    other = machine("other")
    weights = other.folder(one) / WEIGHTS_FILE
    before = weights.read_bytes()
    weights.chmod(0o644)
    flip_byte(weights, 100)
    assert other.load(one).checkpoint_id == one
    assert weights.read_bytes() == before
    weights.unlink()
    assert other.load(one).checkpoint_id == one
    (other.root / one / MANIFEST_FILE).write_text("{}")
    assert other.load(one).checkpoint_id == one


def test_what_is_damaged_in_the_bucket_is_refused_by_name(
    url: str, store: CheckpointStore, machine: Callable[..., CheckpointStore]
) -> None:
    one, two, three, four = publish(store, 1, 2, 3, 4)
    bucket, other = Bucket(url), machine("other")

    def replace(name: str, content: bytes) -> None:
        found = bucket.get(name)
        assert found is not None
        assert bucket.put_over(name, content, found.tag)

    replace(f"{one}/{WEIGHTS_FILE}", b"not what was published")
    bucket.remove([f"{two}/{WEIGHTS_FILE}"])
    replace(f"{three}/{MANIFEST_FILE}", b"{}")
    for name, reason in ((one, r"it claims .*; publish or copy it again"), (two, "missing"), (three, "format_version")):
        with pytest.raises(CheckpointError, match=reason):
            other.load(name)
        with pytest.raises(CheckpointError, match=reason):
            other.promote("stable", name)
        assert not (other.root / name).exists(), "what is half or wrong is never seen as whole"
    assert other.labels() == Labels()
    assert other.damaged().keys() == {two, three}
    assert [manifest.checkpoint_id for manifest in other.list()] == [four, one]
    assert not list(other.root.glob(".publishing-*"))
    assert bucket.put_new(LABELS_FILE, b"[]")
    with pytest.raises(CorruptCheckpoint, match=LABELS_FILE):
        other.labels()


def test_pruning_leaves_what_is_labelled_and_the_way_back(
    url: str, store: CheckpointStore, machine: Callable[..., CheckpointStore]
) -> None:
    ids = publish(store, 1, 2, 3, 4)
    store.promote("stable", ids[0])
    store.promote("stable", ids[1])
    other = machine("other")
    assert other.folder(ids[2]).is_dir()
    assert store.prune(1) == [ids[2]]
    assert other.ids() == [ids[3], ids[1], ids[0]]
    assert not [one for one in Bucket(url).listed() if one.name.startswith(ids[2])]
    with pytest.raises(UnknownCheckpoint):
        other.promote("stable", ids[2])
    assert other.rollback().stable == ids[0]
    assert store.prune(1) == [ids[1]]


def test_pruning_sweeps_up_after_publishers_that_died(
    url: str, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not after one that may still be at work; until its manifest is there nobody sees anything of it."""
    (whole,) = publish(store, 1)
    bucket = Bucket(url)
    assert bucket.put_new(f"20200101T000000Z-abcdef/{WEIGHTS_FILE}", b"half")
    assert store.ids() == [whole]
    assert store.prune(5) == []
    assert any("abcdef" in one.name for one in bucket.listed())
    monkeypatch.setattr(bucket_depot, "LEFT_AFTER", timedelta(0))
    assert store.prune(5) == []
    assert not any("abcdef" in one.name for one in bucket.listed())
    store.verify(whole)


def test_a_checkpoint_that_is_being_removed_gets_no_label(url: str, store: CheckpointStore) -> None:
    """A pruner that died after it had said what it removes: the next one finishes its work."""
    one, two = publish(store, 1, 2)
    store.promote("stable", two)
    bucket = Bucket(url)
    found = bucket.get(LABELS_FILE)
    assert found is not None
    assert bucket.put_over(
        LABELS_FILE, found.content.replace(b'"removing": []', f'"removing": ["{one}"]'.encode()), found.tag
    )
    with pytest.raises(UnknownCheckpoint, match="removed in the meantime"):
        store.promote("stable", one)
    assert store.prune(5) == [one]
    assert store.ids() == [two]


def test_the_cache_makes_room_but_not_of_what_has_a_label(
    store: CheckpointStore, machine: Callable[..., CheckpointStore]
) -> None:
    one, two, three = publish(store, 1, 2, 3)
    store.promote("stable", one)
    other = machine("other", gigabytes=0.0)
    assert other.labels().stable == one
    for name in (one, two, three):
        assert other.load(name).checkpoint_id == name
    assert sorted(path.name for path in other.root.iterdir() if not path.name.startswith(".")) == sorted(
        [one, three, LABELS_FILE]
    )


def test_without_the_bucket_what_was_seen_is_served(
    store: CheckpointStore,
    machine: Callable[..., CheckpointStore],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (one,) = publish(store, 1)
    store.promote("stable", one)
    labels = store.labels()
    elsewhere = CheckpointStore(open_depot(Settings(model_store="s3://no-such-bucket/here", data_dir=tmp_path)))
    with pytest.raises(ModelStoreUnavailable, match="AWS_"):
        elsewhere.ids()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    cut_off = machine("one")
    for attempt in (cut_off.labels, cut_off.ids, lambda: publish(cut_off, 2)):
        with pytest.raises(ModelStoreUnavailable) as told:
            attempt()
        assert SECRET not in str(told.value)
    assert cut_off.labels_seen() == labels
    assert cut_off.load(one).checkpoint_id == one


@pytest.mark.parametrize("place", ["s3://", "http://bucket/x", "gs://bucket"])
def test_other_places_are_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="s3://bucket/prefix"):
        open_depot(Settings(model_store=place, data_dir=tmp_path))
