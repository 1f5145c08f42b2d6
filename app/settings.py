"""Every setting of the service, read once at start-up from `SEGUE_*` and passed down as plain values.

No other module reads the environment. `docs/settings.md` is generated from the descriptions.
"""

from ipaddress import ip_address
from os import fspath
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.session import SessionLimits


class Settings(BaseSettings):
    """What an operator can choose; each description says what more of it buys and what it costs."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback needs an API key.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes any free one.")
    open_without_keys: bool = Field(
        False,
        description=(
            "Whether to listen on an address that is not loopback while no API key exists: for a proxy or a container "
            "network that checks callers itself. Anybody who reaches the port may then read and change every listener."
        ),
    )
    admin_host: str = Field("127.0.0.1", description="Address of the admin port.")
    admin_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description=(
            "Port of its own for the calls of the scope `admin` and for `/metrics`, which the other port then does not "
            "know. Unset: one port for all."
        ),
    )
    keys_file: Path | None = Field(
        None,
        description=(
            "File of the API keys, without their secrets. Several machines may share one, read-only. "
            "Unset: `api_keys.json` in `SEGUE_DATA_DIR`."
        ),
    )
    requests_per_minute: int = Field(
        60_000,
        ge=1,
        description="Calls that one API key may make in a minute on one machine, unless the key says otherwise.",
    )
    admin_requests_per_minute: int = Field(
        600, ge=1, description="Calls of the scope `admin` that one API key may make in a minute on one machine."
    )
    head_timeout_s: float = Field(
        10.0, gt=0, le=600, description="How long a caller may take to send the head of a request before a 408."
    )
    body_timeout_s: float = Field(
        30.0, gt=0, le=600, description="How long a caller may take to send the body of a request before a 408."
    )
    connections: int = Field(
        10_000,
        ge=1,
        description="Connections open at once, per worker; beyond it newcomers get a 503. More needs more open files.",
    )
    workers: int = Field(1, ge=1, le=64, description="Server processes. More use more cores and memory.")
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
        Path("data"), description="Folder for what the service keeps: the embedded store's append-only file."
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
            "Events that may wait in Redis to be collected, about 200 bytes each; beyond it the oldest are lost to "
            "training. More outlasts a longer stop of the collector."
        ),
    )
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
    recent_tracks: int = Field(
        50,
        ge=4,
        le=500,
        description="Tracks remembered per listener. More avoids repeats longer, costs memory.",
    )
    hidden_precision: Literal["single", "half"] = Field(
        "single",
        description=(
            "How hidden states are stored. `half` spares about 190 bytes per listener and rounds the state at every "
            "event; see docs/session-store.md for what that does to rankings. Either is read, whatever is set."
        ),
    )
    remembered_event_ids: int = Field(
        64, ge=1, le=10_000, description="Event ids remembered per listener to recognise a retry."
    )
    idle_gap_s: float = Field(
        1800.0,
        gt=0,
        description="Silence after which listening counts as a new session, as in `segue import`.",
    )
    late_after_s: float = Field(
        60.0, ge=0, description="An event this much older than the newest is recorded without being read."
    )
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
            "would wait longer is refused at once with Retry-After. More answers more of a burst, and all of it later."
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
    audio_url: str | None = Field(
        None,
        pattern=r"^(https?://[^/\s;,'\"]+/|/)([^/\s;,'\"][^\s;,'\"]*)?\{track_id\}[^\s;,'\"]*$",
        description=(
            "Where the player page finds the sound of a track: a URL, or a path of this server behind your proxy, with "
            "`{track_id}` in it. Unset: it plays in silence, at a speed of one's choice."
        ),
    )
    shutdown_s: int = Field(
        10,
        ge=4,
        description="Within how long the service ends when told to. Open requests may take all but three seconds.",
    )
    log_format: str = Field("console", pattern="^(console|json)$", description="`console` or `json`.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least severity logged.")

    @property
    def events_folder(self) -> Path:
        """Where the event log is collected to."""
        return self.data_dir / "events"

    @property
    def checkpoint_cache(self) -> Path:
        """Where checkpoints of a bucket are fetched to."""
        return self.model_cache or self.data_dir / "models"

    @property
    def jobs_url(self) -> str | None:
        """Where training runs go through, if anywhere."""
        url = self.jobs_redis_url or self.redis_url
        return None if url is None or url.startswith(("redis+", "rediss+")) else url

    @property
    def starts_worker(self) -> bool:
        """Whether the service starts a worker for training runs."""
        return self.redis_url is None if self.run_worker is None else self.run_worker

    @property
    def api_keys_file(self) -> Path:
        """Where the API keys are."""
        return self.keys_file or self.data_dir / "api_keys.json"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return all(_is_loopback(host) for host in (self.host, *((self.admin_host,) if self.admin_port else ())))

    @property
    def session_limits(self) -> SessionLimits:
        """The bounds of one listener's session."""
        return SessionLimits(
            recent_tracks=self.recent_tracks,
            event_ids=self.remembered_event_ids,
            idle_gap_s=self.idle_gap_s,
            late_after_s=self.late_after_s,
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that make these settings again, for worker processes."""
        return {f"SEGUE_{name.upper()}": str(value) for name, value in self.model_dump().items() if value is not None}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
