"""Settings of what is kept: checkpoints, listeners' sessions, answers, and the event log."""

from os import fspath
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field


class KeepingSettings(BaseModel):
    """Where things are kept, how safely, and for how long."""

    model_store: Annotated[str, BeforeValidator(fspath)] = Field(
        "model_store",
        min_length=1,
        description=(
            "Where published checkpoints and their labels are: a folder, or `s3://bucket/prefix` of an S3-compatible "
            "service with conditional writes, which the `AWS_*` variables name (docs/operations.md)."
        ),
    )
    model_cache: Path | None = Field(
        None,
        description=(
            "Folder that checkpoints of a bucket are fetched into and mapped from; one per machine, shared by its "
            "processes. Unset: `models` in `SEGUE_DATA_DIR`."
        ),
    )
    model_cache_gb: float = Field(
        20.0,
        ge=0,
        description=(
            "How much of fetched checkpoints is kept on this machine; the least used go first, never what has a label. "
            "More spares downloads when one goes back."
        ),
    )
    data_dir: Path = Field(
        Path("data"),
        description="Folder for what the service keeps: its own session store, the event log, API keys, data sets, "
        "training runs.",
    )
    redis_url: str | None = Field(
        None,
        description=(
            "Redis or Valkey that keeps the listeners' sessions: redis://, rediss://, unix://, "
            "redis+cluster://host:port,host:port or redis+sentinel://host:port/service. "
            "Unset: Segue starts and supervises its own."
        ),
    )
    durability: Literal["everysec", "always"] = Field(
        "everysec",
        description=(
            "How soon the embedded session store is on disk: `everysec` may lose the last second in a power cut, "
            "`always` loses nothing and makes every commit wait for the disk. "
            "A killed process loses nothing either way."
        ),
    )
    redis_timeout_s: float = Field(
        2.0, gt=0, le=60, description="How long to wait for the session store before answering without it."
    )
    session_ttl_s: int = Field(
        30 * 24 * 3600, ge=60, description="How long an idle listener is remembered. More costs memory."
    )
    answers_kept_s: int = Field(
        600,
        ge=1,
        le=7 * 24 * 3600,
        description=(
            "How long the answer to a request with an `Idempotency-Key` is kept in Redis, about 1 KB for twenty "
            "tracks. Longer knows later repeats."
        ),
    )
    collect_events: bool = Field(
        True,
        description=(
            "Whether the service collects its event log into files. `false` where another Segue on the same Redis does."
        ),
    )
    collect_interval_s: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="How often the event log is collected. Longer lets more events wait in Redis.",
    )
    waiting_events: int = Field(
        1_000_000,
        ge=6400,
        description=(
            "Events that may wait in Redis to be collected, about 170 bytes each; beyond it the oldest are lost to "
            "training. More outlasts a longer stop of the collector."
        ),
    )

    @property
    def events_folder(self) -> Path:
        """Where the event log is collected to."""
        return self.data_dir / "events"

    @property
    def checkpoint_cache(self) -> Path:
        """Where checkpoints of a bucket are fetched to."""
        return self.model_cache or self.data_dir / "models"
