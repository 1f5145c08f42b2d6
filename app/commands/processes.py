"""The processes of a service: its own session store where none is named, a collector, and the workers that answer.

This parent imports neither torch nor FastAPI: it only watches over those who do.
"""

import os
import shutil
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from time import time

import structlog

from app.errors import InvalidSetting
from app.settings import Settings
from app.stores.api_keys import ApiKeyFile
from app.stores.companion import Companion
from app.stores.embedded import EmbeddedServer
from app.telemetry import configure_logging
from app.web.bounds import BoundedConfig, Bounds, allow_connections
from app.web.server import serve

log = structlog.get_logger(__name__)

# How long the collector may take for its last round; what it does not manage waits in Redis for the next start.
LAST_ROUND_S = 2.0
MAX_MESSAGE_BYTES = 1024 * 1024  # over a WebSocket; as much as a request's body may have


def run_service(settings: Settings) -> None:
    """Serve until told to end; a session store of our own begins before the workers and ends after them."""
    # Where no server catches it: leave through the blocks below, which end what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logging(settings.log_format, settings.log_level)
    check_door(settings)
    with ExitStack() as running:
        settings = settings.model_copy(update={"run_worker": settings.starts_worker})
        if settings.redis_url is None:
            server = running.enter_context(EmbeddedServer(settings.data_dir, durability=settings.durability))
            settings = settings.model_copy(update={"redis_url": server.url})
        if settings.collect_events:
            # Ended after the workers and before the store: what they took in last is collected too.
            environment = {**os.environ, **settings.to_environment()}
            running.enter_context(Companion(["collect"], environment, patience_s=LAST_ROUND_S))
        if settings.starts_worker:
            # Told to end it ends at once: what it works on goes on at the next start.
            running.enter_context(
                Companion(["worker"], {**os.environ, **settings.to_environment()}, patience_s=LAST_ROUND_S)
            )
        _run_workers(settings)


def check_door(settings: Settings) -> None:
    """Say who may call; raise InvalidSetting for a service that anybody on the network could call."""
    ring = ApiKeyFile(settings.api_keys_file).read()
    if not ring.is_empty:
        log.info("locked", live_keys=len(ring.live(time())), file=str(settings.api_keys_file))
    elif settings.on_loopback:
        log.info("answering_this_machine_only", reason="there are no API keys", advice="segue keys create")
    elif settings.open_without_keys:
        log.warning("open_to_the_network", host=settings.host, reason="SEGUE_OPEN_WITHOUT_KEYS", keys=0)
    else:
        raise InvalidSetting(
            f"Expected an API key before listening on {settings.host}, found none in {settings.api_keys_file}. "
            "Make one with `segue keys create NAME --scope events --scope recommend`, listen on 127.0.0.1, or behind a "
            "proxy that checks callers, accept the risk with SEGUE_OPEN_WITHOUT_KEYS=true."
        )


def _run_workers(settings: Settings) -> None:
    # The workers are new processes that read their settings from the environment, like anybody else.
    os.environ.update(settings.to_environment())
    if settings.workers > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_fresh(settings.data_dir / "metrics"))
    log.info("listening", url=f"http://{settings.host}:{settings.port}", workers=settings.workers)
    allow_connections()
    with suppress(KeyboardInterrupt):
        serve(
            BoundedConfig(
                "app.main:create_app",
                Bounds(
                    head_s=settings.head_timeout_s, body_s=settings.body_timeout_s, connections=settings.connections
                ),
                factory=True,
                host=settings.host,
                port=settings.port,
                workers=settings.workers,
                http="app.web.bounds:BoundedConnection",
                ws="app.web.draining:LiveConnection",
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=settings.shutdown_s,
                server_header=False,
                access_log=False,
                log_level="warning",
            ),
            also_at=None if settings.admin_port is None else (settings.admin_host, settings.admin_port),
        )


def _fresh(folder: Path) -> Path:
    """Return the folder, empty: the counts of workers that are gone would be added to those of today."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder.resolve()
