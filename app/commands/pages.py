"""`segue docs`: write the generated pages again, so that they cannot rot, and the OpenAPI that callers rely on."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.errors import InvalidRequest
from app.settings import Settings


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("docs")(write_pages)


def write_pages(
    folder: Annotated[Path, typer.Option(help="Where the pages go.")] = Path("docs"),
    accept_breaking: Annotated[
        bool, typer.Option("--accept-breaking", help="Write the OpenAPI even where callers lose something by it.")
    ] = False,
) -> None:
    """Write docs/settings.md from the settings themselves, and docs/openapi.json from the routes.

    Later versions are held against that OpenAPI: what callers rely on may not go without --accept-breaking.
    """
    page = folder / "settings.md"
    page.write_text(settings_page(), encoding="utf-8")
    typer.echo(f"{page} written")
    document = folder / "openapi.json"
    current = openapi_document()
    if document.exists() and not accept_breaking and (lost := broken(document, current)):
        raise InvalidRequest(
            f"Expected an OpenAPI that takes nothing from callers of {document}, got {len(lost)} breaking changes: "
            f"{'; '.join(lost)}. Take them back, or write it with --accept-breaking and tell callers in CHANGELOG.md."
        )
    document.write_text(json.dumps(current, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    typer.echo(f"{document} written")


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI of the routes, without starting a service."""
    from contextlib import nullcontext

    from app.web.api import build_api

    document: dict[str, Any] = build_api(lambda _api: nullcontext({})).openapi()
    return document


def broken(document: Path, current: dict[str, Any]) -> list[str]:
    """Return what callers of the OpenAPI in a file lose by the current one."""
    from app.web.breaking import breaking

    return breaking(json.loads(document.read_text(encoding="utf-8")), current)


def settings_page() -> str:
    """Return the page that lists every setting, for the operator."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable, read once at start-up. This page is written by `segue docs` from",
        "`app/settings/`.",
        "",
        "| variable | default | what it does |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "unset" if field.default is None else f"`{field.default}`"
        lines.append(f"| `SEGUE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
