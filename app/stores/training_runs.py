"""Training runs in Redis: each one's record and log, which of them is under way, and that there is only one.

A record is replaced only as it was read, by one script on the server, which also lets go of the place of the one run
under way when the record says that it is over: killed at any moment, a run is either under way or over. Knows nothing
of who carries runs out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from redis import Redis, exceptions

from app.domain.training_runs import TrainingRun
from app.errors import JobsUnavailable, TrainingRunUnderWay, UnknownTrainingRun
from app.stores.connection import masked
from app.stores.keys import CURRENT_RUN_KEY, RUN_TTL_S, RUNS_KEY, SCHEDULE_KEY, run_key, run_log_key

MOST_RUNS = 100
MOST_LINES = 5000
SINGLE_SERVER = ("redis://", "rediss://", "unix://")

# KEYS: the run under way, all runs, the run. ARGV: its id, its record, when it was asked for, its lifetime in seconds,
# how many runs to keep, what runs' keys begin with. Returns the id of the run that is under way already, else nothing.
_ADD = """
local held = redis.call('GET', KEYS[1])
if held and redis.call('EXISTS', ARGV[6] .. held) == 1 then
  return held
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[3], 'run', ARGV[2], 'version', 1, 'alive_at', redis.call('TIME')[1])
redis.call('EXPIRE', KEYS[3], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[5])
return ''
"""

# KEYS: the run, the run under way. ARGV: the version that was read, the new record, its id, 1 if it is over, its
# lifetime in seconds. Returns the new version, 0 where somebody was faster.
_CHANGE = """
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'run', ARGV[2], 'alive_at', redis.call('TIME')[1])
redis.call('EXPIRE', KEYS[1], ARGV[5])
if ARGV[4] == '1' and redis.call('GET', KEYS[2]) == ARGV[3] then
  redis.call('DEL', KEYS[2])
end
return redis.call('HINCRBY', KEYS[1], 'version', 1)
"""


class TrainingRuns:
    """The records of runs. Every call may raise JobsUnavailable; it blocks, so the service calls it on a thread."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its types know replies as bytes or text at once; ours are bytes
        self._add = redis.register_script(_ADD)
        self._change = redis.register_script(_CHANGE)

    def add(self, run: TrainingRun) -> None:
        """Keep a new run, as the one under way; raise TrainingRunUnderWay if there is one."""
        with answering():
            held = self._add(
                keys=[CURRENT_RUN_KEY, RUNS_KEY, run_key(run.run_id)],
                args=[run.run_id, run.to_json(), run.requested_at, RUN_TTL_S, MOST_RUNS, run_key("")],
            )
        if held:
            raise TrainingRunUnderWay(
                f"Expected no training run under way, got {held.decode()}. Wait for its end, or cancel it."
            )

    def get(self, run_id: str) -> TrainingRun:
        """Return a run; raise UnknownTrainingRun."""
        with answering():
            written, version = self._redis.hmget(run_key(run_id), "run", "version")
        if written is None or version is None:
            raise UnknownTrainingRun(
                f"Expected the id of a training run, got {run_id[:80]!r}. `segue runs list` shows those remembered."
            )
        return TrainingRun.from_json(written, int(version))

    def newest(self) -> list[TrainingRun]:
        """Return the runs that are remembered, newest first."""
        with answering():
            ids = self._redis.zrange(RUNS_KEY, 0, -1, desc=True)
            pipeline = self._redis.pipeline(transaction=False)
            for run_id in ids:
                pipeline.hmget(run_key(run_id.decode()), "run", "version")
            found = pipeline.execute()
        return [TrainingRun.from_json(written, int(version)) for written, version in found if written and version]

    def current(self) -> TrainingRun | None:
        """Return the run under way, if there is one."""
        with answering():
            run_id = self._redis.get(CURRENT_RUN_KEY)
        if run_id is None:
            return None
        try:
            return self.get(run_id.decode())
        except UnknownTrainingRun:
            return None

    def change(self, run_id: str, change: Callable[[TrainingRun], TrainingRun]) -> TrainingRun:
        """Replace a run by what `change` makes of it, again if somebody else was faster; return what is kept.

        A run that is over stays as it is, and so does one of which `change` makes the same.
        """
        while not (run := self.get(run_id)).state.is_over:
            if (changed := change(run)) == run:
                return run
            with answering():
                version = self._change(
                    keys=[run_key(run_id), CURRENT_RUN_KEY],
                    args=[run.version, changed.to_json(), run_id, int(changed.state.is_over), RUN_TTL_S],
                )
            if version:
                return replace(changed, version=int(version))
        return run

    def beat(self, run_id: str) -> None:
        """Note that whoever carries a run out is alive."""
        with answering():
            self._redis.hset(run_key(run_id), "alive_at", self._redis.time()[0])

    def silent_for_s(self, run_id: str) -> float:
        """Return for how long nothing was heard of a run, by the server's clock."""
        with answering():
            alive_at = self._redis.hget(run_key(run_id), "alive_at")
            return float(self._redis.time()[0] - int(alive_at or 0))

    def note(self, run_id: str, line: str) -> None:
        """Add a line to a run's log, with the time before it; the oldest go when it grows beyond MOST_LINES."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with answering():
            pipeline = self._redis.pipeline()
            pipeline.rpush(run_log_key(run_id), f"{at} {line}")
            pipeline.ltrim(run_log_key(run_id), -MOST_LINES, -1)
            pipeline.expire(run_log_key(run_id), RUN_TTL_S)
            pipeline.execute()

    def log(self, run_id: str) -> list[str]:
        """Return the lines of a run's log; raise UnknownTrainingRun."""
        self.get(run_id)
        with answering():
            lines = self._redis.lrange(run_log_key(run_id), 0, -1)
        return [line.decode() for line in lines]

    def seen(self, what: str) -> int | None:
        """Return how far the schedule has seen a thing, None where nobody has looked yet."""
        with answering():
            held = self._redis.hget(SCHEDULE_KEY, what)
        return None if held is None else int(held)

    def see(self, what: str, now: int) -> int | None:
        """Note how far the schedule has seen a thing, and return how far it had: of several only one is told that."""
        with answering():
            pipeline = self._redis.pipeline()
            pipeline.hget(SCHEDULE_KEY, what)
            pipeline.hset(SCHEDULE_KEY, what, now)
            held = pipeline.execute()[0]
        return None if held is None else int(held)


def connect_runs(url: str, timeout_s: float) -> Redis:
    """Return the connection to the Redis that runs go through, which connects at its first command.

    Raises JobsUnavailable for a cluster or Sentinels, which the job library cannot work with.
    """
    if not url.startswith(SINGLE_SERVER):
        raise JobsUnavailable(
            f"Expected one Redis server for training runs, got {masked(url)}. Name one in SEGUE_JOBS_REDIS_URL; it may "
            "be a small one of its own."
        )
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, protocol=2)


@contextmanager
def answering() -> Iterator[None]:
    """Tell what goes wrong with the server as JobsUnavailable."""
    try:
        yield
    except (OSError, exceptions.RedisError) as error:
        raise JobsUnavailable(f"The Redis that training runs go through does not answer: {error}") from error
