"""`segue serve` and `segue up`: answer listeners, with a demo model when there is none yet."""

from pathlib import Path
from typing import Annotated

import typer

from app.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on; SEGUE_HOST.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; SEGUE_PORT.")]
Workers = Annotated[int | None, typer.Option(min=1, max=64, help="Server processes; SEGUE_WORKERS.")]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.command()(serve)
    cli.command()(up)
    cli.command()(demo)


def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Answer listeners with the checkpoint that is promoted to `stable`."""
    from app.commands.processes import run_service

    run_service(_settings(host, port, workers))


def up(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data: Annotated[Path | None, typer.Option(help="Your own listening files: train on them instead.")] = None,
) -> None:
    """Train and publish a model if none is promoted yet, then serve: everything `make run` needs."""
    from app.commands.first_model import train_first_model
    from app.commands.processes import run_service

    settings = _settings(host, port, workers)
    train_first_model(settings, data)
    run_service(settings)


def demo() -> None:
    """Train and publish the demo model, unless something is promoted already."""
    from app.commands.first_model import train_first_model

    train_first_model(Settings(), None)


def _settings(host: str | None, port: int | None, workers: int | None) -> Settings:
    chosen = {"host": host, "port": port, "workers": workers}
    return Settings(**{name: value for name, value in chosen.items() if value is not None})  # type: ignore[arg-type]
