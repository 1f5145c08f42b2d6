import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.errors import (
    CorruptCheckpoint,
    InvalidRequest,
    LabelConflict,
    PromotedBefore,
    UnknownCheckpoint,
    WorseThanBaseline,
)
from app.rnn.checkpoint_files import CATALOGUE_FILE, MANIFEST_FILE, WEIGHTS_FILE, content_hash, file_sha256
from app.rnn.checkpoint_files import SEARCH_FILE as SEARCH
from app.rnn.manifest import Manifest, Probe
from app.stores.checkpoints import CheckpointStore
from app.stores.labels import LABELS_FILE, Canary, Labels, kept_by
from tests.rnn.drafts import flip_byte


def publish(root: Path, second: int, *, accepted: bool = True) -> str:
    """Put a checkpoint in the store whose files are whole but small: labels read no weights."""
    names = (CATALOGUE_FILE, WEIGHTS_FILE, SEARCH)
    aside = root / "aside"
    aside.mkdir(parents=True)
    for name in names:
        (aside / name).write_text(f"{name} {second}")
    files = {name: file_sha256(aside / name) for name in names}
    manifest = Manifest(
        checkpoint_id=f"20261122T1015{second:02d}Z-{content_hash(files)}",
        created_at=f"2026-11-22T10:15:{second:02d}+00:00",
        status="accepted" if accepted else "rejected",
        reason="loses to Markov.",
        network_fields={},
        training={},
        data={},
        metrics={},
        baselines={},
        files=files,
        probe=Probe((0,), (1,), (0.5,)),
    )
    (aside / MANIFEST_FILE).write_bytes(manifest.to_json())
    aside.rename(root / manifest.checkpoint_id)
    return manifest.checkpoint_id


@pytest.fixture
def ids(tmp_path: Path) -> list[str]:
    return [publish(tmp_path, second) for second in range(4)]


def test_a_store_nobody_promoted_in_has_no_labels(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "nowhere").labels() == CheckpointStore(tmp_path).labels() == Labels()


def test_promoting_remembers_what_was_stable_and_rolling_back_returns_to_it(tmp_path: Path, ids: list[str]) -> None:
    for one in ids[:3]:
        CheckpointStore(tmp_path).promote("stable", one)
    assert CheckpointStore(tmp_path).labels() == Labels(version=3, stable=ids[2], history=(ids[0], ids[1]))
    assert kept_by(CheckpointStore(tmp_path).labels(), ids, 0) == {ids[2], ids[1]}
    assert CheckpointStore(tmp_path).rollback() == Labels(version=4, stable=ids[1], history=(ids[0],))
    assert CheckpointStore(tmp_path).rollback() == Labels(version=5, stable=ids[0])
    assert kept_by(CheckpointStore(tmp_path).labels(), ids, 0) == {ids[0]}
    with pytest.raises(UnknownCheckpoint, match="go back"):
        CheckpointStore(tmp_path).rollback()
    assert CheckpointStore(tmp_path).labels().version == 5


def test_a_training_run_promotes_once_whatever_becomes_of_the_label(tmp_path: Path, ids: list[str]) -> None:
    store = CheckpointStore(tmp_path)
    store.promote("stable", ids[0])
    assert store.promote_by_run(ids[1], "run-1").history == (ids[0],)
    assert store.rollback() == Labels(version=3, stable=ids[0], runs=("run-1",))
    for published in ids[1:3]:
        with pytest.raises(PromotedBefore, match="run-1"):
            store.promote_by_run(published, "run-1")
    assert store.labels().version == 3
    assert store.promote_by_run(ids[1], "run-2").runs == ("run-1", "run-2")
    for number in range(3, 60):
        store.promote_by_run(ids[0], f"run-{number}")
    assert store.labels().runs == tuple(f"run-{number}" for number in range(40, 60))
    with pytest.raises(WorseThanBaseline):
        store.promote_by_run(publish(tmp_path, 9, accepted=False), "run-60")


def test_labels_of_before_name_no_runs(tmp_path: Path) -> None:
    fields = Labels(version=3).to_dict()
    del fields["runs"]
    (tmp_path / LABELS_FILE).write_text(json.dumps(fields))
    assert CheckpointStore(tmp_path).labels() == Labels(version=3)


def test_promoting_what_is_stable_again_adds_nothing_to_the_way_back(tmp_path: Path, ids: list[str]) -> None:
    CheckpointStore(tmp_path).promote("stable", ids[0])
    assert CheckpointStore(tmp_path).promote("stable", ids[0]) == Labels(version=2, stable=ids[0])


def test_rolling_back_passes_over_what_is_gone_or_damaged(tmp_path: Path, ids: list[str]) -> None:
    for one in ids:
        CheckpointStore(tmp_path).promote("stable", one)
    shutil.rmtree(tmp_path / ids[2])
    flip_byte(tmp_path / ids[1] / WEIGHTS_FILE, 3)
    assert CheckpointStore(tmp_path).rollback() == Labels(version=5, stable=ids[0])


def test_canary_and_shadow_stand_beside_stable(tmp_path: Path, ids: list[str]) -> None:
    CheckpointStore(tmp_path).promote("stable", ids[0])
    CheckpointStore(tmp_path).promote("canary", ids[1], traffic_percent=12.5)
    labels = CheckpointStore(tmp_path).promote("shadow", ids[1])
    assert labels == Labels(version=3, stable=ids[0], canary=Canary(ids[1], 12.5), shadow=ids[1])
    assert labels.of(ids[1]) == ["canary", "shadow"]
    assert [labels.named(label) for label in ("stable", "canary", "shadow", "latest")] == [ids[0], ids[1], ids[1], None]
    CheckpointStore(tmp_path).rollback("canary")
    assert CheckpointStore(tmp_path).rollback("shadow") == Labels(version=5, stable=ids[0])


def test_a_rejected_checkpoint_is_promoted_only_by_force(tmp_path: Path) -> None:
    rejected = publish(tmp_path, 9, accepted=False)
    with pytest.raises(WorseThanBaseline, match=r"loses to Markov\."):
        CheckpointStore(tmp_path).promote("stable", rejected)
    assert CheckpointStore(tmp_path).labels() == Labels()
    assert CheckpointStore(tmp_path).promote("stable", rejected, force=True).stable == rejected


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (lambda root, one: CheckpointStore(root).promote("latest", one), InvalidRequest),
        (lambda root, one: CheckpointStore(root).promote("../stable", one), InvalidRequest),
        (lambda root, one: CheckpointStore(root).promote("stable", one, traffic_percent=10), InvalidRequest),
        (lambda root, one: CheckpointStore(root).promote("canary", one), InvalidRequest),
        (lambda root, one: CheckpointStore(root).promote("canary", one, traffic_percent=101), InvalidRequest),
        (lambda root, one: CheckpointStore(root).promote("stable", f"../{root.name}/{one}"), UnknownCheckpoint),
        (lambda root, _: CheckpointStore(root).promote("stable", "20200101T000000Z-abcdef"), UnknownCheckpoint),
        (lambda root, _: CheckpointStore(root).rollback("latest"), InvalidRequest),
        (lambda root, _: CheckpointStore(root / "nowhere").rollback(), UnknownCheckpoint),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    tmp_path: Path, ids: list[str], attempt: Callable[[Path, str], Labels], error: type[Exception]
) -> None:
    with pytest.raises(error):
        attempt(tmp_path, ids[0])
    assert CheckpointStore(tmp_path).labels() == Labels()


@pytest.mark.parametrize("name", [CATALOGUE_FILE, WEIGHTS_FILE, SEARCH, MANIFEST_FILE])
def test_a_damaged_checkpoint_is_not_promoted_even_by_force(tmp_path: Path, ids: list[str], name: str) -> None:
    flip_byte(tmp_path / ids[0] / name, 5)
    with pytest.raises(CorruptCheckpoint, match=name):
        CheckpointStore(tmp_path).promote("stable", ids[0], force=True)


def test_of_many_who_expect_the_same_version_exactly_one_wins(tmp_path: Path, ids: list[str]) -> None:
    """Round after round, everybody read the same labels and wants to change them."""
    together = threading.Barrier(8)

    def attempt(worker: int, version: int) -> bool:
        together.wait()
        try:
            CheckpointStore(tmp_path).promote("stable", ids[worker % len(ids)], expected_version=version)
        except LabelConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        for version in range(10):
            wins = list(pool.map(attempt, range(8), [version] * 8))
            assert sum(wins) == 1
            assert CheckpointStore(tmp_path).labels().version == version + 1


def test_readers_never_see_half_a_change(tmp_path: Path, ids: list[str]) -> None:
    done = threading.Event()

    def change() -> None:
        try:
            for turn in range(100):
                CheckpointStore(tmp_path).promote("stable", ids[turn % len(ids)])
        finally:
            done.set()

    writer = threading.Thread(target=change)
    writer.start()
    versions = [CheckpointStore(tmp_path).labels().version for _ in iter(done.is_set, True)]
    writer.join()
    assert versions == sorted(versions)
    assert CheckpointStore(tmp_path).labels().version == 100
    assert not list(tmp_path.glob(f".{LABELS_FILE}-*"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "\x00",
        json.dumps({**Labels().to_dict(), "stable": "../etc"}),
        json.dumps({**Labels().to_dict(), "version": "1"}),
        json.dumps({**Labels().to_dict(), "history": [3]}),
        json.dumps({**Labels().to_dict(), "canary": {"id": "20261122T101500Z-3f9c1a", "traffic_percent": "all"}}),
        json.dumps({**Labels().to_dict(), "canary": 3}),
        json.dumps({**Labels().to_dict(), "runs": [7]}),
        json.dumps({**Labels().to_dict(), "runs": 7}),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, ids: list[str], content: str) -> None:
    """Nobody guesses which checkpoint was meant to serve, and nobody writes over what a person may yet repair."""
    (tmp_path / LABELS_FILE).write_text(content)
    attempts: list[Callable[[], Any]] = [
        lambda: CheckpointStore(tmp_path).labels(),
        lambda: CheckpointStore(tmp_path).promote("stable", ids[0]),
        lambda: CheckpointStore(tmp_path).rollback(),
    ]
    for attempt in attempts:
        with pytest.raises(CorruptCheckpoint, match=LABELS_FILE):
            attempt()
    assert (tmp_path / LABELS_FILE).read_text() == content
