"""Checkpoints made to do harm, put into a bucket by whoever may write there: each is refused by name."""

import shutil
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from app.errors import CheckpointError, CorruptCheckpoint, ModelStoreUnavailable, UnknownCheckpoint
from app.rnn.checkpoint_files import MANIFEST_FILE, WEIGHTS_FILE
from app.rnn.manifest import MAX_MANIFEST_BYTES
from app.serving.reloader import load_served
from app.settings import Settings
from app.stores.bucket import Bucket
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot
from tests.emulator import BUCKET, Emulator, running_emulator
from tests.rnn.drafts import new_draft
from tests.stores.hostile import HOSTILE, signed

# There are no links in a bucket.
ANYWHERE = [name for name in HOSTILE if not name.startswith("linked")]
MOMENTS = count()  # the same content has another id at another time


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as a folder, to be made worse."""
    root = tmp_path_factory.mktemp("published")
    return root / CheckpointStore(root).publish(new_draft()).checkpoint_id


@pytest.fixture(scope="module")
def served(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    """The store of a machine that has loaded what is stable."""
    place = Settings(model_store=f"s3://{BUCKET}/{uuid.uuid4()}", data_dir=tmp_path_factory.mktemp("machine"))
    store = CheckpointStore(open_depot(place))
    store.promote("stable", store.publish(new_draft(1)).checkpoint_id)
    assert emulator.port
    return store


@pytest.fixture
def put(served: CheckpointStore, published: Path, tmp_path: Path) -> Callable[[Callable[[Path], Path]], str]:
    """Return what puts a checkpoint into the bucket that was made worse, and tells its id."""

    def put(make: Callable[[Path], Path]) -> str:
        copied = Path(shutil.copytree(published, tmp_path / "made" / published.name))
        content = published.name.rpartition("-")[2]
        made = make(signed(copied, checkpoint_id=f"20260101T{next(MOMENTS):06d}Z-{content}"))
        bucket = Bucket(served.place)
        for path in made.rglob("*"):
            if path.is_file():
                bucket.upload(f"{made.name}/{path.relative_to(made)}", path)
        return made.name

    return put


@pytest.mark.parametrize("name", ANYWHERE)
def test_it_is_refused_by_name_and_what_serves_goes_on(
    name: str,
    served: CheckpointStore,
    put: Callable[[Callable[[Path], Path]], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, error, message = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    hostile = put(make)
    for read in (lambda: load_served(served, hostile), lambda: served.verify(hostile)):
        with pytest.raises(error, match=message):
            read()
    assert not (tmp_path / "exploded").exists()
    assert served.load("stable").checkpoint_id == served.labels().stable
    assert not list(served.root.glob(".publishing-*"))


def test_what_states_a_header_of_200_mb_is_not_downloaded(
    served: CheckpointStore, put: Callable[[Callable[[Path], Path]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though every hash is right, and the file is a large one."""

    def heavy(folder: Path) -> Path:
        (folder / WEIGHTS_FILE).unlink()
        with (folder / WEIGHTS_FILE).open("wb") as file:
            file.write((200 * 2**20).to_bytes(8, "little"))
            file.truncate(20 * 2**20)
        return signed(folder)

    hostile = put(heavy)
    read = []
    get_range = obstore.get_range

    def counted(store: S3Store, name: str, *, start: int, length: int) -> object:
        read.append(length)
        return get_range(store, name, start=start, length=length)

    monkeypatch.setattr(obstore, "get_range", counted)
    with pytest.raises(CorruptCheckpoint, match=rf"weights\.safetensors of {hostile}, it claims 209715200"):
        served.load(hostile)
    assert sum(read) == 8


def test_what_the_disk_has_no_room_for_is_not_downloaded(
    served: CheckpointStore, put: Callable[[Callable[[Path], Path]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(served.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    hostile = put(signed)
    with pytest.raises(CheckpointError, match=rf"room for the \d+,\d+ bytes of {hostile} .* got 1,000"):
        served.load(hostile)


def change_of(name: str, content: bytes | None) -> Callable[[Bucket, str], None]:
    """Return what puts other bytes in the place of a file, or nothing."""

    def change(bucket: Bucket, checkpoint_id: str) -> None:
        bucket.remove([f"{checkpoint_id}/{name}"])
        if content is not None:
            bucket.put_new(f"{checkpoint_id}/{name}", content)

    return change


def cut_short(bucket: Bucket, checkpoint_id: str) -> None:
    found = bucket.get(f"{checkpoint_id}/{WEIGHTS_FILE}")
    assert found is not None
    change_of(WEIGHTS_FILE, found.content[:-1])(bucket, checkpoint_id)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_of(WEIGHTS_FILE, None), r"weights\.safetensors of .* is missing; publish or copy it again"),
        (change_of(WEIGHTS_FILE, b""), r"weights\.safetensors of .* claims 0"),
        (change_of("report/curve.png", b""), r"report/curve\.png of .* was changed or cut short: expected SHA-256"),
        (change_of("catalogue.parquet", b"PAR1"), r"catalogue\.parquet of .* was changed or cut short"),
        (cut_short, r"weights\.safetensors of .* was changed or cut short"),
        (change_of(MANIFEST_FILE, b"{"), r"checkpoint\.json is not JSON"),
        (change_of(MANIFEST_FILE, b'{"format_version": 2}'), "Expected format_version 1 in .* got 2"),
        (change_of(MANIFEST_FILE, bytes(MAX_MANIFEST_BYTES + 1)), "Expected at most 16777216 bytes"),
    ],
    ids=["missing", "empty", "empty report", "other bytes", "a byte short", "half", "of another version", "huge"],
)
def test_what_was_damaged_in_the_bucket_gets_no_label_and_does_not_serve(
    change: Callable[[Bucket, str], None],
    message: str,
    served: CheckpointStore,
    put: Callable[[Callable[[Path], Path]], str],
) -> None:
    damaged = put(signed)
    change(Bucket(served.place), damaged)
    labels = served.labels()
    for read in (
        lambda: load_served(served, damaged),
        lambda: served.verify(damaged),
        lambda: served.promote("canary", damaged, traffic_percent=1),
    ):
        with pytest.raises(CheckpointError, match=message):
            read()
    assert served.labels() == labels
    assert damaged not in {path.name for path in served.root.iterdir()}
    assert served.load("stable").checkpoint_id == labels.stable


@pytest.mark.parametrize("key", ["20260101T000000Z-abcdef/%2e%2e/%2e%2e/out", "/etc/passwd", "%2e/x", "x%01y"])
def test_a_name_that_leads_elsewhere_is_told_and_does_not_keep_labels_from_moving(
    key: str, emulator: Emulator, tmp_path: Path
) -> None:
    """What serves, and the way back from it, need no listing."""
    prefix = uuid.uuid4()
    store = CheckpointStore(open_depot(Settings(model_store=f"s3://{BUCKET}/{prefix}", data_dir=tmp_path / "one")))
    one, two = sorted(store.publish(new_draft(seed)).checkpoint_id for seed in range(2))
    store.promote("stable", one)
    url = f"http://127.0.0.1:{emulator.port}/{BUCKET}/{prefix}/{key}"
    with urllib.request.urlopen(urllib.request.Request(url, data=b"x", method="PUT")):
        pass
    other = CheckpointStore(open_depot(Settings(model_store=store.place, data_dir=tmp_path / "other")))
    for ask in (other.ids, other.list, lambda: other.prune(0), lambda: other.resolve(one[:10])):
        with pytest.raises(ModelStoreUnavailable, match=r"could lead elsewhere: .*Remove that object"):
            ask()
    assert other.load("stable").checkpoint_id == one
    assert other.promote("stable", two).stable == two
    assert load_served(other, two).predictor.checkpoint_id == two
    assert other.rollback().stable == one
    assert other.publish(new_draft(3)).accepted
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", "20260101T000000Z-abcdef/", "notes.txt", "20260101T000000Z-abcdef/checkpoint"])
def test_what_others_keep_beside_checkpoints_is_passed_over(name: str, emulator: Emulator, tmp_path: Path) -> None:
    """A console makes empty objects where somebody makes a folder."""
    prefix = uuid.uuid4()
    store = CheckpointStore(open_depot(Settings(model_store=f"s3://{BUCKET}/{prefix}", data_dir=tmp_path)))
    published = store.publish(new_draft()).checkpoint_id
    url = f"http://127.0.0.1:{emulator.port}/{BUCKET}/{prefix}/{name}"
    with urllib.request.urlopen(urllib.request.Request(url, data=b"", method="PUT")):
        pass
    assert store.ids() == [published]
    assert store.damaged() == {}
    assert store.prune(5) == []
    with pytest.raises(UnknownCheckpoint):
        store.load("20260101T000000Z-abcdef")
