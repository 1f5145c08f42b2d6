"""Training runs as jobs of RQ: who asks puts one into the queue, a worker takes it out and starts a process for it.

A job only says which run is due; how a run stands is in its record. Every try of a run is a job of its own, so that
nothing hangs on what RQ remembers of a job whose worker was killed. Knows nothing of what a run does.
"""

import signal
from types import FrameType

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import SpawnWorker

from app.domain.training_runs import TrainingRun
from app.stores.training_runs import answering

QUEUE = "segue-training"
KEPT_S = 3600
# How long a worker waits for a job before it looks whether all is well; RQ takes a quarter of a minute off.
WAIT_S = 30


class TrainingJobs:
    """The queue; `function` is the full name of what a worker is to call with a run's id."""

    def __init__(self, redis: Redis, function: str) -> None:
        self._redis = redis
        self._function = function

    @property
    def queue(self) -> Queue:
        """The queue itself."""
        return Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)

    def put(self, run: TrainingRun) -> None:
        """Let a worker take up a run. Put twice it is taken up once: its record says who was first."""
        job_id = f"{run.run_id}-{run.attempts + 1}"
        with answering():
            if job_id not in self.queue.job_ids:
                self.queue.enqueue_call(
                    self._function,
                    args=(run.run_id,),
                    job_id=job_id,
                    timeout=-1,
                    result_ttl=KEPT_S,
                    failure_ttl=KEPT_S,
                )

    def work(self, redis: Redis) -> None:
        """Work on the queue until told to end by a signal. To be called by the main thread.

        The connection must be the worker's own: it waits on it for longer than anybody else's may take to answer.
        """
        with answering():
            worker = TrainingWorker(
                [Queue(QUEUE, connection=redis, serializer=JSONSerializer)],
                connection=redis,
                serializer=JSONSerializer,
                worker_ttl=WAIT_S,
                job_monitoring_interval=5,
            )
            worker.function = self._function
            worker.work(logging_level="WARNING")

    def tidy(self) -> None:
        """Forget jobs whose worker was killed, which RQ itself would call started for good."""
        with answering():
            self.queue.started_job_registry.cleanup()


class TrainingWorker(SpawnWorker):
    """Takes runs from the queue, one after the other, each in a process of its own; ends at once when told to."""

    function = ""
    """What it may be told to call."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Carry out a job, if it is one of ours: who can write to Redis must not name the function to be called."""
        if job.func_name == self.function:
            super().execute_job(job, queue)
        else:
            job.cancel()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signals call
        """End at once with what it works on: a run goes on elsewhere, or later, from what it kept."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if self.horse_pid:
            self.kill_horse()
            self.wait_for_horse()
        raise SystemExit(0)
