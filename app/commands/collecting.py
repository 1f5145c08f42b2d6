"""`segue collect`: move the event log from Redis into files, for as long as it runs or once."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from app.errors import InvalidSetting
from app.settings import Settings


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command()(collect)


def collect(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where to; `events` in SEGUE_DATA_DIR.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Collect what is waiting, then end.")] = False,
) -> None:
    """Collect what was heard from Redis into Parquet files, to learn from. The service does this by itself."""
    from app.telemetry import configure_logging

    settings = Settings()
    if settings.redis_url is None:
        raise InvalidSetting(
            "Expected SEGUE_REDIS_URL to say where the events are. A service with a session store of its own collects "
            "by itself."
        )
    configure_logging(settings.log_format, settings.log_level)
    asyncio.run(_collect(settings, settings.redis_url, out or settings.events_folder, once=once))


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
            await streams.aclose()
