"""Large checkpoints are hashed once on a machine, and again as soon as anybody touched them."""

import os
from pathlib import Path

import pytest

import app.stores.verified as verified
from app.errors import CorruptCheckpoint
from app.rnn.checkpoint_files import file_sha256
from app.stores.checkpoints import CheckpointStore
from app.stores.verified import FOLDER, check_unless_verified
from tests.rnn.drafts import flip_byte, new_draft

Files = tuple[Path, dict[str, str]]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A folder of two files that count as large."""
    monkeypatch.setattr(verified, "REMEMBERED_FROM_BYTES", 1)
    folder = tmp_path / "20261122T101500Z-3f9c1a"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / name).write_bytes(os.urandom(1000))
    return folder, {name: file_sha256(folder / name) for name in ("one", "two")}


def note(folder: Path) -> Path:
    return folder.parent / FOLDER / f"{folder.name}.json"


def writing_of(note: Path) -> tuple[int, int]:
    """Return what tells one writing of a file from another; looking at it changes neither."""
    stat = note.stat()
    return stat.st_ino, stat.st_mtime_ns


def test_the_second_look_takes_the_first_ones_word(files: Files) -> None:
    """Whoever hashes the files writes a note of its own; the second look does not."""
    folder, digests = files
    check_unless_verified(folder, digests)
    written = writing_of(note(folder))
    check_unless_verified(folder, digests)
    assert writing_of(note(folder)) == written


def test_a_flipped_byte_is_refused_even_when_its_time_is_set_back(files: Files) -> None:
    folder, digests = files
    check_unless_verified(folder, digests)
    before = (folder / "two").stat()
    flip_byte(folder / "two", 500)
    os.utime(folder / "two", ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        with pytest.raises(CorruptCheckpoint, match=r"two of .* was changed or cut short"):
            check_unless_verified(folder, digests)


def test_a_file_put_in_its_place_is_hashed(files: Files) -> None:
    folder, digests = files
    check_unless_verified(folder, digests)
    (folder / "new").write_bytes(os.urandom(1000))
    (folder / "new").replace(folder / "one")
    with pytest.raises(CorruptCheckpoint, match="one of"):
        check_unless_verified(folder, digests)


@pytest.mark.parametrize("content", ["", "{}", "[[", "null"])
def test_a_damaged_note_is_no_note(files: Files, content: str) -> None:
    folder, digests = files
    note(folder).parent.mkdir()
    note(folder).write_text(content)
    flip_byte(folder / "one", 0)
    with pytest.raises(CorruptCheckpoint):
        check_unless_verified(folder, digests)


def test_a_note_for_other_digests_does_not_count(files: Files) -> None:
    folder, digests = files
    check_unless_verified(folder, digests)
    with pytest.raises(CorruptCheckpoint):
        check_unless_verified(folder, {**digests, "one": "0" * 64})


def test_a_missing_file_is_named(files: Files) -> None:
    folder, digests = files
    check_unless_verified(folder, digests)
    (folder / "one").unlink()
    with pytest.raises(CorruptCheckpoint, match=r"one of .* is missing"):
        check_unless_verified(folder, digests)


def test_a_store_that_cannot_be_written_to_is_hashed_each_time(files: Files) -> None:
    folder, digests = files
    note(folder).parent.write_bytes(b"in the way")
    check_unless_verified(folder, digests)
    flip_byte(folder / "one", 0)
    with pytest.raises(CorruptCheckpoint):
        check_unless_verified(folder, digests)


def test_small_checkpoints_leave_no_note(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.load(store.publish(new_draft()).checkpoint_id)
    assert not (tmp_path / FOLDER).exists()


def test_a_pruned_checkpoint_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified, "REMEMBERED_FROM_BYTES", 1)
    store = CheckpointStore(tmp_path)
    manifest = store.publish(new_draft())
    store.load(manifest.checkpoint_id)
    assert note(tmp_path / manifest.checkpoint_id).is_file()
    store.prune(0)
    assert not note(tmp_path / manifest.checkpoint_id).exists()


def test_a_swap_and_a_rollback_hash_nothing_that_was_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is hashed when it is first promoted; only who touches a file has it hashed again, and refused."""
    monkeypatch.setattr(verified, "REMEMBERED_FROM_BYTES", 1)
    store = CheckpointStore(tmp_path)
    first, second = (store.publish(new_draft(seed)).checkpoint_id for seed in (1, 2))
    store.promote("stable", first)
    store.promote("stable", second)
    notes = [note(tmp_path / checkpoint_id) for checkpoint_id in (first, second)]
    written = list(map(writing_of, notes))
    store.rollback()
    store.promote("stable", second)
    store.promote("stable", first)
    assert list(map(writing_of, notes)) == written
    weights = max((tmp_path / second).iterdir(), key=lambda file: file.stat().st_size)
    flip_byte(weights, weights.stat().st_size - 1)
    with pytest.raises(CorruptCheckpoint, match="was changed or cut short"):
        store.promote("stable", second)
    assert store.labels().stable == first
