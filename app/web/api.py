"""The API as one application: every route, the errors' shape, the envelope.

What the routes work with comes through the lifespan, which yields `{"doors": Doors}`.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import Protocol

from fastapi import FastAPI

from app.web.crowd import PATIENCE_S
from app.web.door import Door
from app.web.envelope import Envelope
from app.web.hot import HotApi
from app.web.metrics import RequestMetrics
from app.web.openapi import describe
from app.web.problems import HANDLERS
from app.web.routes import (
    added_tracks,
    blocks,
    events,
    health,
    labels,
    listeners,
    live,
    models,
    next_tracks,
    online,
    pages,
    playlists,
    problems,
    song_map,
    state,
    stream,
    tracks,
    training_runs,
)

DESCRIPTION = """\
Segue answers one question for a music app, at every moment of listening: *what plays next?*

Report plays and skips, get the next tracks, fetch a whole playlist. Errors are RFC 9457 problems with a closed list of
`code`s. Unknown fields are refused. Ids are strings of 1 to 256 characters after NFC; times are RFC 3339 with offset.
"""


class Lifespan(Protocol):
    """Opens what a worker needs, yields it as `{"doors": Doors}`, closes it."""

    def __call__(self, app: FastAPI, /) -> AbstractAsyncContextManager[Mapping[str, object]]:
        """Begin and end one worker's life."""


def build_api(
    lifespan: Lifespan,
    metrics: RequestMetrics | None = None,
    *,
    patience_s: float = PATIENCE_S,
    audio_url: str | None = None,
) -> FastAPI:
    """Return the application; `metrics` counts its requests, in a registry others may share, shown at /metrics.

    A hot call that would have to wait longer than `patience_s` is refused at once. `audio_url` is where the player
    page finds sounds.
    """
    metrics = metrics or RequestMetrics()
    app = HotApi(
        title="Segue",
        summary="What plays next",
        description=DESCRIPTION,
        version=version("segue"),
        lifespan=lifespan,
        exception_handlers=dict(HANDLERS),
        redirect_slashes=False,
        # Their pages load scripts from elsewhere; no request leaves the machine.
        docs_url=None,
        redoc_url=None,
        # It looks at the environment at every request to find that nobody collects traces.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.metrics = metrics
    app.state.audio_url = audio_url
    # The hot calls first. Not include_router: it puts a look-up of its own in front of every request.
    for module in (
        next_tracks,
        events,
        playlists,
        stream,
        live,
        tracks,
        listeners,
        blocks,
        labels,
        online,
        models,
        song_map,
        added_tracks,
        training_runs,
        state,
        health,
        problems,
        pages,
    ):
        app.router.routes.extend(module.router.routes)
    app.add_hot(metrics, patience_s)
    app.add_middleware(Door)
    app.add_middleware(Envelope, metrics=metrics)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app
