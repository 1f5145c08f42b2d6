"""`segue models` with SEGUE_MODEL_STORE=s3://…, as an operator types it on a machine that publishes nothing."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.stores.bucket import Bucket
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot
from tests.emulator import BUCKET, ROOT, SECRET, running_emulator
from tests.rnn.drafts import new_draft

Segue = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", autouse=True)
def emulator() -> Iterator[None]:
    with running_emulator():
        yield


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """Three checkpoints, the second stable after the first, seen from the machine that published them."""
    settings = Settings(model_store=f"s3://{BUCKET}/{uuid.uuid4()}", data_dir=tmp_path / "trainer")
    store = CheckpointStore(open_depot(settings))
    for one in sorted(store.publish(new_draft(seed)).checkpoint_id for seed in range(3))[:2]:
        store.promote("stable", one)
    return store


@pytest.fixture
def segue(store: CheckpointStore, tmp_path: Path) -> Segue:
    """Run `segue models …` in a process of its own, on another machine."""

    def run(*arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        environment = {"SEGUE_MODEL_STORE": store.place, "SEGUE_DATA_DIR": str(tmp_path / "operator"), "COLUMNS": "200"}
        command = [sys.executable, "-m", "app.cli", "models", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == (2 if fails else 0), done.stderr
        assert SECRET not in done.stdout + done.stderr
        return done

    return run


def answer(segue: Segue, *arguments: str) -> Any:
    return json.loads(segue(*arguments, "--json").stdout)


@pytest.mark.long
def test_labels_move_and_return(store: CheckpointStore, segue: Segue) -> None:
    first, second, third = sorted(store.ids())
    listed = answer(segue, "list")
    assert [each["checkpoint_id"] for each in listed["checkpoints"]] == [third, second, first]
    assert (listed["labels"]["stable"], listed["damaged"]) == (second, {})
    assert "recall@20" in segue("show", third[:18]).stdout
    assert f"stable is {third}" in segue("promote", third, "--expected-version", "2").stdout
    assert "Expected version 2" in segue("promote", second, "--expected-version", "2", fails=True).stderr
    assert f"stable is {second} (labels version 4)" in segue("rollback").stdout
    assert store.labels().stable == second
    assert segue("verify", third).stdout == f"{third}  whole\n"


def test_tracks_are_added_and_what_is_old_is_removed(store: CheckpointStore, segue: Segue, tmp_path: Path) -> None:
    first, second, third = sorted(store.ids())
    (tmp_path / "new.csv").write_text("track_id,artist,title\nnew1,Artist 4,New Song\n,Artist 4,Newer Song\n")
    added = answer(segue, "add-tracks", "stable", str(tmp_path / "new.csv"), "--promote")
    assert added["added_to"] == second
    assert store.labels().stable == added["checkpoint_id"] == store.ids()[0]
    assert store.load("stable").catalogue.index_of("new1") == 12
    assert store.manifest("stable").data["added_tracks"] == {"tracks": 2, "judged": second}

    pruned = answer(segue, "prune", "--keep", "0")
    assert pruned == {"removed": [third, first], "kept": [added["checkpoint_id"], second]}
    assert store.ids() == pruned["kept"]
    assert {each.name.partition("/")[0] for each in Bucket(store.place).listed()} == {*pruned["kept"], "labels.json"}
    assert answer(segue, "rollback")["stable"] == second


def test_a_bucket_that_is_none_is_told_in_one_sentence(segue: Segue) -> None:
    away = segue("prune", "--store", f"s3://no-such-bucket-{uuid.uuid4()}/here", fails=True).stderr
    assert "Look whether it is there, and at the AWS_* variables." in away
    assert away.count("\n") == 1
