"""Settings of the answers: how requests go together, how long they wait, and which checkpoint answers."""

from pydantic import BaseModel, Field


class AnsweringSettings(BaseModel):
    """Batches, patience, and what follows the labels."""

    batch_size: int = Field(
        64, ge=1, le=4096, description="Requests ranked together at most. More throughput, more waiting."
    )
    batch_wait_us: int = Field(
        50_000,
        ge=0,
        le=1_000_000,
        description=(
            "How long a request waits at most, in microseconds, until the model has answered those before it, to load, "
            "step and commit with all who came meanwhile; a lone one never waits. 0: nobody waits, and steps are small."
        ),
    )
    queue_size: int = Field(
        1024, ge=1, description="Requests that may wait; beyond it they are refused at once with Retry-After."
    )
    patience_ms: int = Field(
        100,
        ge=1,
        le=60_000,
        description=(
            "How long a request may have to wait, at the pace of the last answers, once 32 are open in a worker; who "
            "would wait longer is refused at once with Retry-After. Half of both in a flood. More answers more of a "
            "burst, and all of it later."
        ),
    )
    torch_threads: int = Field(1, ge=1, description="Threads of the model thread's matrix products, per worker.")
    reload_interval_s: float = Field(
        1.0, gt=0, description="How often a worker looks whether another checkpoint was promoted."
    )
    canary_rollback: bool = Field(
        False,
        description=(
            "Whether a canary whose hit@20 on live plays is significantly below that of stable is taken away by itself."
        ),
    )
    judge_online: bool = Field(
        True,
        description=(
            "Whether plays are judged against the ranking before them, for `/v1/models/{id}/online`; costs each worker "
            "up to a tenth of one core, beside the answers."
        ),
    )
