"""Publishing that is killed, raced, swept or out of disk: the store stays whole and leaves nothing aside."""

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.errors import CheckpointError
from app.stores.aside import aside
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import new_draft

ROOT = Path(__file__).parents[2]


def left_aside(root: Path) -> list[str]:
    """What is hidden in the store, the lock aside."""
    return [path.name for path in root.iterdir() if path.name.startswith(".") and path.name != ".lock"]


def test_the_sweep_spares_a_living_publisher(tmp_path: Path) -> None:
    """One publisher is in the middle of its work while others come, publish and sweep."""
    store = CheckpointStore(tmp_path)
    dead = tmp_path / ".publishing-1-00000000"
    removed = tmp_path / ".removing-20200101T000000Z-abcdef"
    labels = tmp_path / ".labels.json-1-00000000"
    dead.mkdir()
    removed.mkdir()
    labels.write_text("half")
    with aside(tmp_path) as living:
        store.publish(new_draft())
        store.prune(1)
        assert living.is_dir()
        assert not any(path.exists() for path in (dead, removed, labels))
    assert left_aside(tmp_path) == []


# Imports once, then forks a publisher for each line it reads, so that many can be killed in little time.
PUBLISHERS = """
import os, sys, torch
import app.stores.publishing
from pathlib import Path
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import new_draft
torch.set_num_threads(1)
store = CheckpointStore(Path(sys.argv[1]))
for line in sys.stdin:
    if pid := os.fork():
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("dead", flush=True)
        continue
    seed = int(line)
    while True:
        seed += 1
        store.promote("stable", store.publish(new_draft(seed)).checkpoint_id)
        store.prune(2)
"""


PROMOTERS = """
import sys, torch
from pathlib import Path
from app.stores.checkpoints import CheckpointStore
from tests.rnn.drafts import new_draft
torch.set_num_threads(1)
root, label = Path(sys.argv[1]), sys.argv[2]
canary = label == "canary"
for seed in range(3):
    published = CheckpointStore(root).publish(new_draft(seed + 10 * canary))
    CheckpointStore(root).promote(label, published.checkpoint_id, traffic_percent=20 if canary else None)
"""
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.long
def test_a_publisher_killed_at_any_moment_leaves_a_whole_store(tmp_path: Path) -> None:
    """kill -9 in the middle of publishing, promoting or pruning: what is listed is whole, what serves is there."""
    store = CheckpointStore(tmp_path)
    moments = random.Random(7)
    interrupted = 0
    command = [sys.executable, "-c", PUBLISHERS, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as publishers:
        assert publishers.stdin is not None
        assert publishers.stdout is not None
        for turn in range(16):
            publishers.stdin.write(f"{100 * turn}\n")
            publishers.stdin.flush()
            publisher = int(publishers.stdout.readline())
            before = store.ids()
            # Every other one may finish first, so that promoting and pruning are interrupted too.
            while turn % 2 and store.ids() == before:
                time.sleep(0.005)
            time.sleep(moments.uniform(0.0, 0.05 if turn % 2 else 0.6))
            os.kill(publisher, signal.SIGKILL)
            assert publishers.stdout.readline() == "dead\n"
            interrupted += bool(left_aside(tmp_path))
            assert store.damaged() == {}
            for manifest in store.list():
                store.verify(manifest.checkpoint_id)
            if stable := store.labels().stable:
                assert store.load("stable").checkpoint_id == stable
        publishers.stdin.close()
    assert interrupted, "no publisher was killed in the middle of its work"
    assert store.publish(new_draft()).checkpoint_id in store.ids()
    assert left_aside(tmp_path) == []


def test_two_publishers_and_promoters_at_once_lose_nothing(tmp_path: Path) -> None:
    """Two processes, each publishing and labelling again and again: every checkpoint whole, every change counted."""
    command = [sys.executable, "-c", PROMOTERS, str(tmp_path)]
    both = [subprocess.Popen([*command, label], cwd=ROOT, env=ONE_THREAD) for label in ("stable", "canary")]
    assert [process.wait(100) for process in both] == [0, 0]
    store = CheckpointStore(tmp_path)
    assert len(store.ids()) == 6
    assert store.damaged() == {}
    for checkpoint_id in store.ids():
        store.verify(checkpoint_id)
    labels = store.labels()
    assert labels.version == 6
    assert len(labels.history) == 2
    named = [labels.stable, labels.named("canary"), *labels.history]
    seeds = [store.manifest(str(checkpoint_id)).training["seed"] for checkpoint_id in named]
    assert seeds[0] == 2, "the last stable"
    assert seeds[1] == 12, "the last canary"
    assert sorted(seeds[2:]) == [0, 1]


def test_listing_while_others_publish_and_prune_shows_only_whole_ones(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    done = threading.Event()

    def churn() -> None:
        try:
            for seed in range(8):
                store.publish(new_draft(seed))
                store.prune(1)
        finally:
            done.set()

    writer = threading.Thread(target=churn)
    writer.start()
    while not done.is_set():
        assert store.damaged() == {}
        assert len(store.list()) <= 2
    writer.join()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the same call fails at the same place."""
    store = CheckpointStore(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (100, 3000, 20_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            with pytest.raises(CheckpointError, match="Make room"):
                store.publish(new_draft())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.ids() == []
    assert left_aside(tmp_path) == []


def test_a_store_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(CheckpointError, match="store"):
        CheckpointStore(tmp_path / "store").publish(new_draft())
