"""The records of training runs on a real server: one run at a time, whoever asks; changed only as they were read."""

import threading
from dataclasses import replace

import pytest
from redis import Redis

from app.domain.training_runs import (
    Learns,
    RunProgress,
    RunState,
    RunVerdict,
    TrainingAsk,
    TrainingRun,
)
from app.errors import JobsUnavailable, TrainingRunUnderWay, UnknownTrainingRun
from app.stores import training_runs
from app.stores.keys import PREFIX, RUN_TTL_S
from app.stores.training_jobs import QUEUE, TrainingJobs
from app.stores.training_runs import TrainingRuns, connect_runs
from tests.stores.kept_runs import redis, runs, url

__all__ = ["redis", "runs", "url"]


def asked(at: float = 1_700_000_000.0, **ask: object) -> TrainingRun:
    return TrainingRun.asked(TrainingAsk(**ask), at)  # type: ignore[arg-type]


def test_a_run_comes_back_as_it_was_kept(runs: TrainingRuns) -> None:
    """Whole, with all that came of it."""
    run = asked(recipe="lstm", window_days=30.0, base="20261122T101500Z-3f9c1a", promote=True)
    runs.add(run)
    assert runs.get(run.run_id) == run
    whole = replace(
        run.begun("here:1:a", 1_700_000_001.0),
        progress=RunProgress("training", 2, 10, 5.5, 1000.0, 12.0, 0.3, 0.1),
        learns=Learns(10, 100, 20, 3, 30, 1),
        verdict=RunVerdict(True, ("better",), {"gru": {"recall": 0.3, "mrr": 0.1}}),
        checkpoint_id="20261123T101500Z-3f9c1a",
    )
    assert runs.change(run.run_id, lambda _: whole) == whole
    assert runs.get(run.run_id) == whole


def test_of_many_who_ask_at_once_one_is_first(runs: TrainingRuns) -> None:
    """The others are told which run is under way."""
    told: list[str] = []
    gate = threading.Barrier(8)

    def ask() -> None:
        run = asked()
        gate.wait()
        try:
            runs.add(run)
            told.append(run.run_id)
        except TrainingRunUnderWay as refusal:
            told.append(str(refusal))

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    [first] = [one for one in told if one.startswith("run-")]
    assert sum(first in one for one in told) == 8
    assert [run.run_id for run in runs.newest()] == [first]


@pytest.mark.parametrize("state", [state for state in RunState if state.is_over])
def test_the_next_run_begins_once_one_is_over(runs: TrainingRuns, state: RunState) -> None:
    """And what is over stays as it is."""
    run, later = asked(), asked(1_700_000_060.0)
    runs.add(run)
    over = runs.change(run.run_id, lambda found: found.ended(state, 1_700_000_030.0))
    assert runs.current() is None
    assert runs.change(run.run_id, lambda found: found.begun("here:1:a", 0.0)) == over
    runs.add(later)
    current = runs.current()
    assert current is not None
    assert current.run_id == later.run_id
    assert [found.run_id for found in runs.newest()] == [later.run_id, run.run_id]


def test_of_two_who_take_a_queued_run_one_has_it(runs: TrainingRuns) -> None:
    run = asked()
    runs.add(run)
    gate = threading.Barrier(2)
    takers = ("here:1:a", "there:2:b")
    kept: dict[str, TrainingRun] = {}

    def take(carrier: str) -> None:
        gate.wait()
        kept[carrier] = runs.change(run.run_id, lambda found: found.begun(carrier, 1_700_000_001.0))

    threads = [threading.Thread(target=take, args=(carrier,)) for carrier in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(kept[carrier].is_with(carrier) for carrier in takers) == 1
    assert runs.get(run.run_id).attempts == 1


def test_a_record_that_expired_does_not_hold_the_place_for_ever(runs: TrainingRuns, redis: Redis) -> None:
    run = asked()
    runs.add(run)
    redis.delete(f"{PREFIX}training:run:{run.run_id}")
    assert runs.current() is None
    runs.add(asked(1_700_000_001.0))


def test_what_is_kept_is_bounded(runs: TrainingRuns, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """In number, in lines and in time."""
    monkeypatch.setattr(training_runs, "MOST_LINES", 3)
    run = asked()
    runs.add(run)
    for number in range(5):
        runs.note(run.run_id, f"line {number}")
    assert [line.partition(" ")[2] for line in runs.log(run.run_id)] == ["line 2", "line 3", "line 4"]
    for name in (f"{PREFIX}training:run:{run.run_id}", f"{PREFIX}training:log:{run.run_id}"):
        assert 0 < redis.ttl(name) <= RUN_TTL_S


def test_a_run_that_says_nothing_grows_silent(runs: TrainingRuns, redis: Redis) -> None:
    """By the server's clock, not by that of whoever looks."""
    run = asked(1.0)
    runs.add(run)
    assert runs.silent_for_s(run.run_id) < 5
    redis.hincrby(f"{PREFIX}training:run:{run.run_id}", "alive_at", -60)
    assert 60 <= runs.silent_for_s(run.run_id) < 65
    runs.beat(run.run_id)
    assert runs.silent_for_s(run.run_id) < 5


def test_an_id_nobody_knows_is_refused(runs: TrainingRuns) -> None:
    with pytest.raises(UnknownTrainingRun, match="run-none"):
        runs.get("run-none")
    with pytest.raises(UnknownTrainingRun, match="run-none"):
        runs.log("run-none")


def test_no_server_is_told_as_such(tmp_path: object) -> None:
    runs = TrainingRuns(connect_runs(f"unix://{tmp_path}/nobody.sock", 0.3))
    for call in (runs.newest, runs.current, lambda: runs.get("run-1"), lambda: runs.note("run-1", "line")):
        with pytest.raises(JobsUnavailable, match="does not answer"):
            call()
    with pytest.raises(JobsUnavailable, match="SEGUE_JOBS_REDIS_URL"):
        connect_runs("redis+cluster://:secret@127.0.0.1:6379", 0.3)


def test_a_run_is_put_into_the_queue_once(runs: TrainingRuns, redis: Redis) -> None:
    """However often it is put there; another try of it is another job."""
    run = asked()
    runs.add(run)
    jobs = TrainingJobs(redis, "app.commands.retraining.carry_out")
    for _ in range(3):
        jobs.put(run)
    assert redis.lrange(f"rq:queue:{QUEUE}", 0, -1) == [f"{run.run_id}-1".encode()]
    jobs.put(run.begun("here:1:a", 0.0).queued_again())
    assert len(jobs.queue.job_ids) == 2
    jobs.tidy()
