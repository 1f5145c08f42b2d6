"""`segue docs`: write the generated pages again, so that they cannot rot."""

from pathlib import Path
from typing import Annotated

import typer

from app.settings import Settings


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("docs")(write_pages)


def write_pages(
    folder: Annotated[Path, typer.Option(help="Where the pages go.")] = Path("docs"),
) -> None:
    """Write docs/settings.md from the settings themselves."""
    page = folder / "settings.md"
    page.write_text(settings_page(), encoding="utf-8")
    typer.echo(f"{page} written")


def settings_page() -> str:
    """Return the page that lists every setting, for the operator."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable, read once at start-up. This page is written by `segue docs` from",
        "`app/settings.py`.",
        "",
        "| variable | default | what it does |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "unset" if field.default is None else f"`{field.default}`"
        lines.append(f"| `SEGUE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
