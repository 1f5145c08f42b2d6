"""Settings of training runs: who carries them out, on what, and when they begin by themselves."""

from pydantic import BaseModel, Field


class TrainingSettings(BaseModel):
    """The queue of training runs, its worker, and the schedule."""

    jobs_redis_url: str | None = Field(
        None,
        description=(
            "One Redis or Valkey server for training runs: redis://, rediss:// or unix://. A small one will do. Unset: "
            "`SEGUE_REDIS_URL` if that is a single server, else none, and then there are no training runs."
        ),
    )
    run_worker: bool | None = Field(
        None,
        description=(
            "Whether the service starts a worker for training runs (`segue worker`) beside itself. Unset: where it "
            "starts its own session store."
        ),
    )
    training_threads: int = Field(
        1,
        ge=1,
        le=256,
        description="Processor threads of a training run. More is faster and disturbs answers more.",
    )
    training_device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$",
        description="Where training runs learn: `cpu`, `cuda`, `cuda:1`; `auto` is a GPU where the worker sees one.",
    )
    training_niceness: int = Field(
        19, ge=0, le=19, description="How much a training run gives way to everything else on its machine."
    )
    training_torchrun: str | None = Field(
        None,
        description=(
            "What `torchrun` is told where several processes or machines carry out a training run together, such as "
            "`--standalone --nproc-per-node 2`; docs/training.md tells of machines. Unset: one process does."
        ),
    )
    training_data: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description=(
            "Data set, a folder of `SEGUE_DATA_DIR`, that training runs learn beside the event log. Unset: those that "
            "`segue up` made there (`demo`, `imported-…`)."
        ),
    )
    training_cron: str | None = Field(
        None,
        description=(
            "When workers begin a training run by themselves: a cron expression of five fields, in UTC, such as "
            "`0 4 * * *`. A time that passed while no worker ran is made up for, once."
        ),
    )
    training_every_events: int | None = Field(
        None, ge=1, description="After how many newly collected events workers begin a training run by themselves."
    )
    training_recipe: str = Field(
        "gru", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Recipe of the runs that the schedule begins."
    )
    training_window_days: float | None = Field(
        None, gt=0, description="How many days back the runs that the schedule begins learn. Unset: everything."
    )
    training_base: str | None = Field(
        None,
        description="Checkpoint that the runs of the schedule begin with, such as `stable`. Unset: they begin anew.",
    )
    training_promote: bool = Field(
        False, description="Whether what the runs of the schedule publish is made stable if the gate accepts it."
    )
