"""Publisher, pruner, label writer and reader of a store in a bucket, killed before every single step they take.

A step is one on the file system, below the cache, or one to the bucket: each request before it is sent, and each that
changes anything once more before its answer comes.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
import torch
from obstore.store import S3Store

from app.errors import PromotedBefore
from app.rnn.checkpoint_files import MANIFEST_FILE
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot
from app.stores.labels import LABELS_FILE, Labels
from tests.emulator import BUCKET, Emulator, running_emulator
from tests.rnn.drafts import new_draft
from tests.steps_of_requests import count_requests
from tests.stepwise import Stepwise

torch.set_num_threads(1)

count_also = count_requests


def machine(folder: Path, *, gigabytes: float = 1.0) -> CheckpointStore:
    """The store in the bucket that goes by a folder's name, as a machine sees it whose cache is in the folder."""
    settings = Settings(model_store=f"s3://{BUCKET}/{folder.name}", data_dir=folder, model_cache_gb=gigabytes)
    return CheckpointStore(open_depot(settings))


def prepare(folder: Path) -> None:
    """Import what is imported late, without a client of the bucket: its threads would not come along."""
    here = CheckpointStore(folder)
    here.promote("stable", here.publish(new_draft()).checkpoint_id)
    here.load("stable")


def publish(folder: Path) -> None:
    machine(folder).publish(new_draft(7))


def prune(folder: Path) -> None:
    machine(folder).prune(0)


def put_canary(folder: Path) -> None:
    machine(folder).promote("canary", machine(folder).ids()[0], traffic_percent=20)


def promote_by_run(folder: Path) -> None:
    machine(folder).promote_by_run(machine(folder).ids()[0], "run-1")


def roll_back(folder: Path) -> None:
    machine(folder).rollback()


def serve(folder: Path) -> None:
    """What a worker does that starts, on a machine whose cache has room for one."""
    here = machine(folder, gigabytes=0.0)
    here.labels()
    here.load("stable")


class Made:
    """A bucket of three checkpoints, the second stable after the first, that can be brought back to what it was."""

    def __init__(self, folder: Path) -> None:
        self._objects = S3Store.from_url(f"s3://{BUCKET}/{folder.name}", client_options={"allow_http": True})
        # Of one second the hash decides which is the newest.
        for published in sorted(machine(folder).publish(new_draft(seed)).checkpoint_id for seed in range(3))[:2]:
            machine(folder).promote("stable", published)
        self.labels = machine(folder).labels()
        self.folder = folder
        self._tags = self.tags()
        self._content = {name: bytes(obstore.get(self._objects, name).bytes()) for name in self._tags}

    def tags(self) -> dict[str, str]:
        """Return the name and ETag of every object."""
        return {meta["path"]: str(meta["e_tag"]) for batch in obstore.list(self._objects) for meta in batch}

    def changed(self) -> set[str]:
        """Return the names of all that is other than it was, or was not there."""
        return {name for name, tag in self.tags().items() if self._tags.get(name) != tag}

    def restored(self, home: Path, *, cached: bool = True) -> Path:
        """Bring the bucket back to what it was; return a machine's folder, whose cache has all of it or the first."""
        found = self.tags()
        if extra := sorted(found.keys() - self._tags.keys()):
            obstore.delete(self._objects, extra)
        for name in [name for name, tag in self._tags.items() if found.get(name) != tag]:
            obstore.put(self._objects, name, self._content[name])
        shutil.rmtree(home, ignore_errors=True)
        keep = machine(self.folder).ids() if cached else [self.labels.history[0]]
        for checkpoint_id in keep:
            shutil.copytree(self.folder / "models" / checkpoint_id, home / self.folder.name / "models" / checkpoint_id)
        return home / self.folder.name

    def assert_whole(self, folder: Path) -> Labels:
        """Nothing that was published has changed, whatever is shown is whole; return the labels, which name such."""
        store, found = machine(folder.parent / "other" / folder.name), self.tags()
        ids, labels = store.ids(), store.labels()
        assert store.damaged() == {}
        for name, tag in self._tags.items():
            assert found.get(name) == tag or name == LABELS_FILE or name.partition("/")[0] not in ids
        for checkpoint_id in set(ids) - {name.partition("/")[0] for name in self._tags}:
            store.verify(checkpoint_id)
        assert labels.stable is not None
        assert labels.ids <= set(ids)
        assert_served_is_whole(folder)
        return labels


def assert_served_is_whole(folder: Path) -> None:
    """What a machine's cache shows is whole, and the labels it has seen can be read without the bucket."""
    kept = CheckpointStore(folder / "models")
    for checkpoint_id in kept.ids():
        kept.verify(checkpoint_id)
    kept.labels()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def made(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Made:  # noqa: ARG001 - it answers
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def stepwise(emulator: Emulator) -> Iterator[Stepwise]:  # noqa: ARG001 - it answers
    with Stepwise(__name__) as stepwise:
        yield stepwise


def after_each_step(
    work: str, made: Made, home: Path, stepwise: Stepwise, *, first: int = 1, cached: bool = True
) -> Iterator[tuple[Path, str]]:
    """Kill `work` before each of its steps, each time in the same bucket; yield what the dead left, and the step."""
    kill_before = first
    while True:
        folder = made.restored(home, cached=cached)
        outcome = stepwise.run(work, folder, kill_before)
        if not outcome.killed_before:
            assert outcome.steps == kill_before - 1
            return
        yield folder, outcome.killed_before
        kill_before += 1


@pytest.mark.parametrize("work", ["put_canary", "roll_back"])
def test_a_label_writer_killed_before_any_step_has_written_all_or_nothing(
    work: str, made: Made, tmp_path: Path, stepwise: Stepwise
) -> None:
    done = made.restored(tmp_path / "done")
    stepwise.run(work, done)
    after = machine(done).labels()
    seen: list[Labels] = []
    for folder, _ in after_each_step(work, made, tmp_path / "killed", stepwise):
        seen.append(made.assert_whole(folder))
        next_one = machine(folder).promote("canary", machine(folder).ids()[1], traffic_percent=5)
        assert next_one.version == seen[-1].version + 1, "the next writer starts"
    assert set(seen) == {made.labels, after}
    assert seen == sorted(seen, key=lambda labels: labels.version)


def test_a_run_killed_before_any_step_of_its_promotion_never_overrules_who_rolled_it_back(
    made: Made, tmp_path: Path, stepwise: Stepwise
) -> None:
    """That it promoted is one write with the label: killed before the answer came, its next attempt knows."""
    attempts = []
    for folder, _ in after_each_step("promote_by_run", made, tmp_path, stepwise):
        again = machine(folder)
        attempts.append(again.labels() != made.labels)
        if attempts[-1]:
            assert again.rollback().stable == made.labels.stable
            with pytest.raises(PromotedBefore):
                promote_by_run(folder)
            assert again.labels().stable == made.labels.stable
        else:
            promote_by_run(folder)
            assert again.labels().stable == again.ids()[0]
    assert attempts == sorted(attempts)
    assert set(attempts) == {False, True}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_publisher_killed_before_any_step_shows_all_or_nothing(
    made: Made, tmp_path: Path, stepwise: Stepwise
) -> None:
    """Until its manifest is there nobody sees anything of it; the next publisher on that machine succeeds."""
    steps = []
    for folder, step in after_each_step("publish", made, tmp_path, stepwise):
        steps.append(step)
        assert made.assert_whole(folder) == made.labels
        ids = machine(folder).ids()
        if not made.changed():
            # What it left is a hidden folder, as in a folder store, whose tests have the next publisher sweep it.
            continue
        assert len(ids) == 3 + any(name.endswith(MANIFEST_FILE) for name in made.changed())
        another = machine(folder).publish(new_draft(8)).checkpoint_id
        assert machine(folder).ids() == sorted([another, *ids], reverse=True)
        machine(folder).verify(another)
        assert not list((folder / "models").glob(".publishing-*"))
    assert {"open", "os.rename", "os.fsync", "PUT sent", "PUT done"} <= {step.rpartition(" ")[0] for step in steps}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_worker_killed_before_any_step_of_a_download_never_serves_half_of_it(
    made: Made, tmp_path: Path, stepwise: Stepwise
) -> None:
    """Nor is what makes room for it seen half removed; the next worker fetches it again, or finds it whole."""
    steps = []
    for folder, step in after_each_step("serve", made, tmp_path, stepwise, cached=False):
        steps.append(step)
        assert_served_is_whole(folder)
        assert machine(folder, gigabytes=0.0).load("stable").checkpoint_id == made.labels.stable
        assert_served_is_whole(folder)
    assert not made.changed()
    assert {"open", "os.rename", "os.rmdir", "GET sent", "HEAD sent"} <= {step.rpartition(" ")[0] for step in steps}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_pruner_killed_before_any_step_removes_whole_checkpoints(
    made: Made, tmp_path: Path, stepwise: Stepwise
) -> None:
    """The next pruner finishes its work, in the bucket as in the cache."""
    for folder, _ in after_each_step("prune", made, tmp_path, stepwise):
        assert made.assert_whole(folder) == made.labels
        machine(folder).prune(0)
        assert made.assert_whole(folder) == made.labels
        kept = {str(made.labels.stable), *made.labels.history}
        assert {name.partition("/")[0] for name in made.tags()} == {*kept, LABELS_FILE}
