"""Publisher, pruner and label writer, killed before every single step they take on the file system."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.errors import PromotedBefore
from app.stores.checkpoints import CheckpointStore
from app.stores.labels import Labels
from tests.rnn.drafts import new_draft
from tests.stepwise import Stepwise

torch.set_num_threads(1)


def publish(root: Path) -> None:
    CheckpointStore(root).publish(new_draft(3))


def prepare(root: Path) -> None:
    publish(root)
    put_stable(root)


def prune(root: Path) -> None:
    CheckpointStore(root).prune(0)


def put_stable(root: Path) -> None:
    CheckpointStore(root).promote("stable", CheckpointStore(root).ids()[0])


def put_canary(root: Path) -> None:
    CheckpointStore(root).promote("canary", CheckpointStore(root).ids()[0], traffic_percent=20)


def promote_by_run(root: Path) -> None:
    CheckpointStore(root).promote_by_run(CheckpointStore(root).ids()[0], "run-1")


def roll_back(root: Path) -> None:
    CheckpointStore(root).rollback()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints, the second stable after the first."""
    root = tmp_path_factory.mktemp("store")
    # Of one second the hash decides which is the newest.
    for published in sorted(CheckpointStore(root).publish(new_draft(seed)).checkpoint_id for seed in range(3))[:2]:
        CheckpointStore(root).promote("stable", published)
    return root


@pytest.fixture(scope="module")
def stepwise() -> Iterator[Stepwise]:
    with Stepwise(__name__) as stepwise:
        yield stepwise


def assert_whole(root: Path) -> None:
    """What is listed is whole, the newest to the last byte, and what serves can be loaded."""
    store = CheckpointStore(root)
    assert store.damaged() == {}
    store.verify(store.ids()[0])
    labels = store.labels()
    assert store.load("stable").checkpoint_id == labels.stable
    if labels.canary:
        store.manifest(labels.canary.checkpoint_id)


def after_each_step(work: str, store: Path, tmp_path: Path, stepwise: Stepwise) -> Iterator[tuple[Path, str]]:
    """Kill `work` before each of its steps, each time in another store; yield what the dead left, and the step."""
    kill_before = 0
    while True:
        kill_before += 1
        root = tmp_path / "store"
        shutil.copytree(store, root)
        outcome = stepwise.run(work, root, kill_before)
        assert_whole(root)
        if not outcome.killed_before:
            assert outcome.steps == kill_before - 1
            return
        yield root, outcome.killed_before
        shutil.rmtree(root)


@pytest.mark.long
def test_a_publisher_killed_before_any_step_leaves_what_was_there(
    store: Path, tmp_path: Path, stepwise: Stepwise
) -> None:
    """Until the last rename nobody sees anything of it; the next publisher sweeps up and succeeds."""
    before = set(CheckpointStore(store).ids())
    steps = []
    for root, step in after_each_step("publish", store, tmp_path, stepwise):
        steps.append(step)
        shown = len(CheckpointStore(root).ids()) - len(before)
        stepwise.run("publish", root)
        assert_whole(root)
        assert len(CheckpointStore(root).ids()) == len(before) + shown + 1
        assert not list(root.glob(".publishing-*"))
    assert len(steps) > 20, steps
    kinds = {step.split()[0] for step in steps}
    assert kinds >= {"os.rename", "os.mkdir", "os.chmod", "os.fsync", "sqlite3.connect", "open"}


def test_a_pruner_killed_before_any_step_removes_whole_checkpoints(
    store: Path, tmp_path: Path, stepwise: Stepwise
) -> None:
    for root, _ in after_each_step("prune", store, tmp_path, stepwise):
        stepwise.run("prune", root)
        assert_whole(root)
        assert len(CheckpointStore(root).ids()) == 2, "stable and the way back"
        assert not list(root.glob(".removing-*"))


@pytest.mark.parametrize("work", ["put_stable", "put_canary", "roll_back"])
def test_a_label_writer_killed_before_any_step_has_written_all_or_nothing(
    work: str, store: Path, tmp_path: Path, stepwise: Stepwise
) -> None:
    done = tmp_path / "done"
    shutil.copytree(store, done)
    stepwise.run(work, done)
    before, after = CheckpointStore(store).labels(), CheckpointStore(done).labels()
    seen: list[Labels] = []
    for root, _ in after_each_step(work, store, tmp_path, stepwise):
        seen.append(CheckpointStore(root).labels())
        stepwise.run("put_canary", root)
        assert CheckpointStore(root).labels().version == seen[-1].version + 1, "the next writer starts"
    assert set(seen) <= {before, after}
    assert before in seen


def test_a_run_killed_before_any_step_of_its_promotion_never_overrules_who_rolled_it_back(
    store: Path, tmp_path: Path, stepwise: Stepwise
) -> None:
    """What was promoted was promoted by its first attempt; where the label was not written, the second writes it."""
    before = CheckpointStore(store).labels()
    attempts = []
    for root, _ in after_each_step("promote_by_run", store, tmp_path, stepwise):
        again = CheckpointStore(root)
        attempts.append(again.labels() != before)
        if attempts[-1]:
            assert again.rollback().stable == before.stable
            with pytest.raises(PromotedBefore):
                promote_by_run(root)
            assert again.labels().stable == before.stable
        else:
            promote_by_run(root)
            assert again.labels().stable == again.ids()[0]
    assert attempts == sorted(attempts)
    assert set(attempts) == {False, True}
