"""/v1/listeners/{listener_id}/blocks: what a listener does not want to hear, for good or until a time."""

from time import time
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.session import ListenerSession
from app.errors import InvalidBlock, InvalidRequest, SessionConflict, SessionStoreUnavailable, UnknownListener
from app.web.body import BODY_ERRORS, parse, read_json
from app.web.doors import doors
from app.web.examples import listeners as examples
from app.web.listener_paths import ONE_LISTENER, ListenerId, ListenerRoute
from app.web.openapi import answered, body_of
from app.web.problems import told
from app.web.schemas.blocks import MAX_BLOCKS, BlocksAnswer, BlocksRequest, blocks_answer
from app.web.schemas.fields import Identifier

router = APIRouter(route_class=ListenerRoute)
_ANSWER = TypeAdapter(BlocksAnswer)
_PATH = f"{ONE_LISTENER}/blocks"
_TOLD = (InvalidRequest, UnknownListener, SessionStoreUnavailable)

TrackIds = Annotated[
    tuple[Identifier, ...], Query(max_length=MAX_BLOCKS, description="A track to unblock; may come several times.")
]
Artists = Annotated[
    tuple[Identifier, ...], Query(max_length=MAX_BLOCKS, description="An artist to unblock; may come several times.")
]


@router.get(
    _PATH,
    tags=["listeners"],
    summary="Show blocks",
    response_model=None,
    responses={**answered(BlocksAnswer, examples.BLOCKS_ANSWER), **told(*_TOLD)},
)
async def show_blocks(request: Request, listener_id: ListenerId) -> Response:
    """Show the tracks and artists that may not come next for a listener, each with its end, if it has one."""
    return _response(await doors(request).listeners.show(listener_id))


@router.put(
    _PATH,
    tags=["listeners"],
    summary="Set blocks",
    response_model=None,
    responses={
        **answered(BlocksAnswer, examples.BLOCKS_ANSWER),
        **told(*BODY_ERRORS, InvalidRequest, InvalidBlock, SessionConflict, SessionStoreUnavailable),
    },
    openapi_extra=body_of(BlocksRequest, examples.BLOCKS_REQUESTS),
)
async def set_blocks(request: Request, listener_id: ListenerId) -> Response:
    """Block tracks and artists, for good or until a time, beside what is blocked already.

    Sent again, it changes nothing. A listener may be new. All of it is refused when one end lies in the past, or when
    there were more than 200 tracks or 200 artists afterwards.
    """
    asked = parse(await read_json(request), BlocksRequest)
    tracks, artists = [body.block() for body in asked.tracks], [body.block() for body in asked.artists]
    return _response(await doors(request).listeners.block(listener_id, tracks, artists))


@router.delete(
    _PATH,
    tags=["listeners"],
    summary="Lift blocks",
    response_model=None,
    responses={**answered(BlocksAnswer, examples.UNBLOCKED_ANSWER), **told(*_TOLD, SessionConflict)},
)
async def lift_blocks(
    request: Request, listener_id: ListenerId, track_id: TrackIds = (), artist: Artists = ()
) -> Response:
    """Lift the blocks of the tracks and artists named, or all of them where none is; dislikes are blocks as well."""
    return _response(await doors(request).listeners.unblock(listener_id, track_id, artist))


def _response(session: ListenerSession) -> Response:
    return Response(_ANSWER.dump_json(blocks_answer(session, time())), media_type="application/json")
