"""Every setting of the service, read once at start-up from `SEGUE_*` and passed down as plain values.

No other module reads the environment. `docs/settings.md` is generated from the descriptions.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings.answering import AnsweringSettings
from app.settings.keeping import KeepingSettings
from app.settings.listening import ListeningSettings
from app.settings.server import ServerSettings
from app.settings.training import TrainingSettings


# The fields of the last one come first on the page.
class Settings(AnsweringSettings, ListeningSettings, TrainingSettings, KeepingSettings, ServerSettings, BaseSettings):
    """What an operator can choose; each description says what more of it buys and what it costs."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_", frozen=True, extra="ignore")

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

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that make these settings again, for worker processes."""
        return {f"SEGUE_{name.upper()}": str(value) for name, value in self.model_dump().items() if value is not None}
