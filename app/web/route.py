"""A route that hands the request straight to its endpoint. For the calls that come at every track.

FastAPI's way of resolving an endpoint's parameters costs 70 us a request even where there is nothing to resolve
(docs/decisions/http-layer.md); the route still appears in the OpenAPI as any other.
"""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Receive, Scope, Send


class DirectRoute(APIRoute):
    """Calls `endpoint(request) -> Response` and nothing else; errors go to the app's own handlers."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)  # the refusal, with its Allow header
            return
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
