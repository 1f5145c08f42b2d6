"""WS /v1/live: events in, rankings out."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from app.web.doors import doors
from app.web.draining import DRAINING
from app.web.live_guest import LiveGuest
from app.web.live_socket import LiveSocket

router = APIRouter()


@router.websocket("/v1/live")
async def live(socket: WebSocket) -> None:
    """Follow a listener and report what the listener does, on one connection."""
    behind = doors(socket)
    if (draining := socket.scope["state"].get(DRAINING)) is not None:
        behind.live.end_when(draining)
    await LiveSocket(socket, behind.live, LiveGuest(socket.scope, behind)).hold()
