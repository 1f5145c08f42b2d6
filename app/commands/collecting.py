"""`segue collect` and `segue events`: move the event log from Redis into files, and see what is in them."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from app.settings import Settings

events = typer.Typer(help="The event log: what was heard, as files.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command()(collect)
    cli.add_typer(events, name="events")


def collect(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where to; `events` in SEGUE_DATA_DIR.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Collect what is waiting, then end.")] = False,
) -> None:
    """Collect what was heard from Redis into Parquet files, to learn from. The service does this by itself.

    Collects from SEGUE_REDIS_URL, else from the store of the service that runs on SEGUE_DATA_DIR.
    """
    from app.stores.embedded import running_server
    from app.telemetry import configure_logging

    settings = Settings()
    url = settings.redis_url or running_server(settings.data_dir)
    configure_logging(settings.log_format, settings.log_level)
    asyncio.run(_collect(settings, url, out or settings.events_folder, once=once))


async def _collect(settings: Settings, url: str, folder: Path, *, once: bool) -> None:
    from app.stores.collector import Collector
    from app.stores.event_log import EventLog
    from app.stores.event_streams import EventStreams
    from app.stores.exchange import Exchange

    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    streams = EventStreams(Exchange.connect(url, timeout_s=settings.redis_timeout_s))
    with EventLog(folder) as events:
        collector = Collector(streams, events)
        try:
            if once:
                await collector.drain()
            else:
                await collector.run(ending, interval_s=settings.collect_interval_s)
        finally:
            await collector.let_go()
            await streams.aclose()


@events.callback()
def _keep_the_subcommands() -> None:
    """Without it, typer would take the only subcommand for the command itself."""


@events.command()
def show(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="The event log; `events` in SEGUE_DATA_DIR.")
    ] = None,
) -> None:
    """Show what has been collected, day by day."""
    from rich.console import Console
    from rich.table import Table

    from app.formats.event_log import days_of

    place = folder or Settings().events_folder
    days = days_of(place)
    table = Table(title=f"Collected in {place}", title_justify="left")
    for name in ("day", "rows", "of them marks", "files", "KB"):
        table.add_column(name, justify="left" if name == "day" else "right")
    for day in days:
        table.add_row(day.day, f"{day.rows:,}", f"{day.marks:,}", str(day.files), f"{day.size / 1024:,.0f}")
    console = Console()
    console.print(table if days else f"Nothing has been collected in {place} yet.", soft_wrap=not days)
