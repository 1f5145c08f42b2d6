"""The service: wires settings, stores, engine and doors. The only module that knows all packages."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

import structlog
import uvicorn
from fastapi import FastAPI

from app.serving.engine import Engine
from app.serving.recommender import Recommender
from app.serving.reloader import Reloader
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.stores.session_store import SessionStore
from app.telemetry import configure_logging
from app.web.api import build_api
from app.web.doors import Doors

log = structlog.get_logger(__name__)

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class LifespanState(TypedDict):
    """What the lifespan opens for the routes of one worker."""

    doors: Doors


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application of one worker. Called once in every worker process; settings come from `SEGUE_*`."""
    chosen = settings or Settings()
    configure_logging(chosen.log_format, chosen.log_level)

    @asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncIterator[LifespanState]:
        async with AsyncExitStack() as opened:
            yield {"doors": await _open_doors(chosen, opened)}

    return build_api(lifespan)


async def _open_doors(settings: Settings, opened: AsyncExitStack) -> Doors:
    """Open what answers listeners; what was opened is closed in the opposite order at shutdown."""
    if settings.redis_url is None:
        raise RuntimeError("The session store's URL is not set. Start the service with `segue serve`, which sets it.")
    sessions = SessionStore.connect(
        settings.redis_url, ttl_s=settings.session_ttl_s, timeout_s=settings.redis_timeout_s
    )
    opened.push_async_callback(sessions.aclose)
    checkpoints = CheckpointStore(settings.model_store)
    reloader = await opened.enter_async_context(Reloader(checkpoints, interval_s=settings.reload_interval_s))
    engine = await opened.enter_async_context(
        Engine(batch_size=settings.batch_size, batch_wait_us=settings.batch_wait_us, queue_size=settings.queue_size)
    )
    return Doors(
        recommender=Recommender(reloader, engine, sessions, settings.session_limits),
        reloader=reloader,
        checkpoints=checkpoints,
        session_store=sessions,
    )


def run(settings: Settings) -> None:
    """Serve until told to end, with a session store of our own where none is named."""
    configure_logging(settings.log_format, settings.log_level)
    if settings.host not in LOOPBACK:
        log.warning("open_to_the_network", host=settings.host, advice="there are no API keys: put a proxy in front")
    if settings.redis_url is not None:
        _serve(settings)
        return
    with EmbeddedServer(settings.data_dir) as server:
        _serve(settings.model_copy(update={"redis_url": server.url}))


def _serve(settings: Settings) -> None:
    # The workers are new processes that read their settings from the environment, like anybody else.
    os.environ.update(settings.to_environment())
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        ws="websockets-sansio",
        timeout_graceful_shutdown=settings.shutdown_s,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
