"""GET /v1/listeners/{listener_id}/stream: the next tracks, again whenever they change."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidRequest, NoCheckpoint
from app.web.doors import doors
from app.web.draining import DRAINING, Draining, is_draining
from app.web.examples import listening as examples
from app.web.listener_paths import ONE_LISTENER, ListenerId, ListenerRoute
from app.web.problems import told
from app.web.schemas.stream import StreamQuery
from app.web.streaming import EVENT_STREAM, EventStream

router = APIRouter(route_class=ListenerRoute)


@router.get(
    f"{ONE_LISTENER}/stream",
    tags=["listening"],
    summary="Follow the next tracks",
    response_model=None,
    responses={
        200: {
            "description": "Server-sent events until somebody leaves.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}, "example": examples.STREAM_ANSWER}},
            "headers": {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}},
        },
        **told(InvalidRequest, NoCheckpoint, Draining),
    },
)
async def follow_listener(
    request: Request,
    listener_id: ListenerId,
    asked: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[str | None, Header(description="The id of the last `next` you have.")] = None,
) -> Response:
    """Get the next tracks now, and again whenever they change: by an event at any door, a block, a reset, a new model.

    `next` is what POST /v1/next answers; `model` comes before the first one of another checkpoint; `bye` is the last
    event: the server ends (`draining`: come back after `retry_ms`) or the listener was deleted or merged
    (`forgotten`). With the Last-Event-ID of the newest ranking nothing is sent until it changes. A slow reader gets
    the newest ranking and none of those between. Nothing is stored: whoever follows changes nothing.

    The rules are those of POST /v1/next, each a parameter of its own, lists by the same parameter several times:
    `?tags_any=rock&tags_any=soul&year_from=1970`. They hold for as long as the stream is open.
    """
    behind = doors(request)
    if is_draining(request.scope):
        raise Draining("Expected a server that stays, got one that was told to end. Open the stream again.")
    _ = behind.reloader.current  # a problem now is better than a stream that never says anything
    if (draining := request.scope["state"].get(DRAINING)) is not None:
        behind.live.end_when(draining)
    return EventStream(behind.live.open(listener_id, asked.ask(), last_event_id))
