"""The generated pages are those of the code."""

from pathlib import Path

from app.commands.pages import settings_page
from app.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_settings_page_is_that_of_the_settings() -> None:
    """`make docs` writes it; a setting that changed without it fails here."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_every_setting_says_what_it_does() -> None:
    """A description is a sentence for the operator."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", "`.")), name
