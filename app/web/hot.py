"""The calls that come at every track, past the framework's layers: envelope, crowd, door, endpoint.

What the framework wraps around a route (exit stacks, telemetry, a second body limit, matching every route in turn)
costs such a call more than parsing and answering it (docs/decisions/http-layer.md). Knows nothing of what is answered.
"""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import SegueError
from app.web.crowd import Crowd, CrowdControl
from app.web.door import Door
from app.web.envelope import Envelope
from app.web.metrics import RequestMetrics
from app.web.problems import problem_response
from app.web.route import DirectRoute


class HotApi(FastAPI):
    """An application that knows its hot calls by their path; any other request takes the usual way."""

    _hot: dict[str, ASGIApp]

    def add_hot(self, metrics: RequestMetrics, patience_s: float) -> None:
        """Take note of the routes that are there; to be called when all are. They share one crowd."""
        crowd = Crowd(patience_s=patience_s)
        self._hot = {
            route.path: Envelope(_Counted(CrowdControl(Door(_Call(route)), crowd), route), metrics)
            for route in self.router.routes
            if isinstance(route, DirectRoute) and not route.param_convertors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one exchange."""
        if scope["type"] == "http" and scope["method"] == "POST" and (call := self._hot.get(scope["path"])) is not None:
            scope["app"] = self
            await call(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class _Counted:
    """Names the route of an exchange, so that refusals before it are counted as its own."""

    def __init__(self, app: ASGIApp, route: DirectRoute) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self._route
        await self._app(scope, receive, send)


class _Call:
    """One hot call."""

    def __init__(self, route: DirectRoute) -> None:
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._route.handle(scope, receive, send)
        except SegueError as error:
            await problem_response(error, scope)(scope, receive, send)
