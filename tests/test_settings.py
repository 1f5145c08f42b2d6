"""Settings are read from the environment and handed on to workers unchanged."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """SEGUE_ and the name in capitals."""
    monkeypatch.setenv("SEGUE_RECENT_TRACKS", "20")
    assert Settings().session_limits.recent_tracks == 20


def test_settings_survive_the_way_to_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parent was told is what the worker reads, also where nothing was said."""
    chosen = Settings(port=9000, model_store=Path("elsewhere"), batch_wait_us=0, idle_gap_s=60.5)
    for name, value in chosen.to_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == chosen
    assert Settings().redis_url is None


@pytest.mark.parametrize(("name", "value"), [("port", "70000"), ("recent_tracks", "1"), ("log_format", "xml")])
def test_a_setting_out_of_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """At start, by name."""
    monkeypatch.setenv(f"SEGUE_{name.upper()}", value)
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_settings_do_not_change() -> None:
    """Whoever holds them can rely on them."""
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
