"""GET and DELETE /v1/listeners/{listener_id}: a listener's own data."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidRequest, SessionStoreUnavailable, UnknownListener
from app.web import examples
from app.web.doors import doors
from app.web.openapi import answered
from app.web.problems import told
from app.web.schemas.fields import identifier
from app.web.schemas.listeners import ListenerAnswer, listener_answer

router = APIRouter()
_ANSWER = TypeAdapter(ListenerAnswer)

ListenerId = Annotated[
    str, AfterValidator(identifier), Path(min_length=1, max_length=256, description="Whose data is meant.")
]
_TOLD = told(InvalidRequest, UnknownListener, SessionStoreUnavailable)


@router.get(
    "/v1/listeners/{listener_id:path}",
    tags=["listeners"],
    summary="Show what is remembered",
    response_model=None,
    responses={**answered(ListenerAnswer, examples.LISTENER_ANSWER), **_TOLD},
)
async def show_listener(request: Request, listener_id: ListenerId) -> Response:
    """Show everything that is remembered of a listener, but for the hidden state, a cache of the recent tracks."""
    session = await doors(request).listeners.show(listener_id)
    return Response(_ANSWER.dump_json(listener_answer(session)), media_type="application/json")


@router.delete(
    "/v1/listeners/{listener_id:path}",
    tags=["listeners"],
    summary="Forget a listener",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Nothing is remembered any more."}, **_TOLD},
)
async def forget_listener(request: Request, listener_id: ListenerId) -> Response:
    """Delete everything that is remembered of a listener. 404 when there was nothing."""
    if not await doors(request).listeners.forget(listener_id):
        raise UnknownListener(f"Nothing is remembered of listener {listener_id!r}: no event came or it expired.")
    return Response(status_code=204)
