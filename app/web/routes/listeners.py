"""/v1/listeners/{listener_id}: what is remembered of a listener, to see, to take along, to change and to delete."""

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidRequest, SessionConflict, SessionStoreUnavailable, UnknownListener
from app.web.body import BODY_ERRORS, parse, read_json
from app.web.doors import doors
from app.web.examples import listeners as examples
from app.web.listener_paths import ONE_LISTENER, ListenerId, ListenerRoute
from app.web.openapi import answered, body_of
from app.web.problems import told
from app.web.schemas.exports import ExportAnswer, export_answer
from app.web.schemas.listeners import ListenerAnswer, MergeRequest, ResetRequest, listener_answer

router = APIRouter(route_class=ListenerRoute)
_ANSWER = TypeAdapter(ListenerAnswer)
_EXPORT = TypeAdapter(ExportAnswer)
_TOLD = told(InvalidRequest, UnknownListener, SessionStoreUnavailable)
_TOLD_OF_CHANGES = told(*BODY_ERRORS, InvalidRequest, UnknownListener, SessionConflict, SessionStoreUnavailable)


@router.get(
    ONE_LISTENER,
    tags=["listeners"],
    summary="Show what is remembered",
    response_model=None,
    responses={**answered(ListenerAnswer, examples.LISTENER_ANSWER), **_TOLD},
)
async def show_listener(request: Request, listener_id: ListenerId) -> Response:
    """Show everything that is remembered of a listener, but for the hidden state, a cache of the recent tracks."""
    session = await doors(request).listeners.show(listener_id)
    return Response(_ANSWER.dump_json(listener_answer(session)), media_type="application/json")


@router.get(
    f"{ONE_LISTENER}/export",
    tags=["listeners"],
    summary="Export all that is held",
    response_model=None,
    responses={**answered(ExportAnswer, examples.EXPORT_ANSWER), **_TOLD},
)
async def export_listener(request: Request, listener_id: ListenerId) -> Response:
    """Export all that is held of a listener: the session down to the hidden state, and every event that was logged.

    The event log is looked through from end to end, so this is not a call for every day.
    """
    export = await doors(request).listeners.export(listener_id)
    return Response(_EXPORT.dump_json(export_answer(export)), media_type="application/json")


@router.post(
    f"{ONE_LISTENER}/reset",
    tags=["listeners"],
    summary="Begin anew",
    response_model=None,
    responses={**answered(ListenerAnswer, examples.RESET_ANSWER), **_TOLD_OF_CHANGES},
    openapi_extra=body_of(ResetRequest, examples.RESET_REQUESTS),
)
async def reset_listener(request: Request, listener_id: ListenerId) -> Response:
    """Forget what a listener heard: the next ranking begins at the model's start state.

    Blocks stay, and an event that was taken in before is still a `duplicate` when it is sent again.
    """
    asked = parse(await read_json(request), ResetRequest)
    session = await doors(request).listeners.reset(listener_id, keep_recent=asked.keep_recent)
    return Response(_ANSWER.dump_json(listener_answer(session)), media_type="application/json")


@router.post(
    f"{ONE_LISTENER}/merge",
    tags=["listeners"],
    summary="Take in another listener",
    response_model=None,
    responses={**answered(ListenerAnswer, examples.MERGE_ANSWER), **_TOLD_OF_CHANGES},
    openapi_extra=body_of(MergeRequest, examples.MERGE_REQUESTS),
)
async def merge_listener(request: Request, listener_id: ListenerId) -> Response:
    """Take what is remembered under another id into this listener's session, and delete the other: somebody signed in.

    Tracks are joined in the order of their times, blocks are united. Whatever happens, the same request again ends what
    was begun and takes nothing twice; where nothing is remembered under the other id, nothing changes.
    """
    asked = parse(await read_json(request), MergeRequest)
    session = await doors(request).listeners.merge(asked.from_, listener_id)
    return Response(_ANSWER.dump_json(listener_answer(session)), media_type="application/json")


@router.delete(
    ONE_LISTENER,
    tags=["listeners"],
    summary="Forget a listener",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Nothing is remembered any more."}, **_TOLD},
)
async def forget_listener(request: Request, listener_id: ListenerId) -> Response:
    """Delete everything that is remembered of a listener, and leave what was logged out of training.

    404 when no session was stored; what the event log may still hold is left out all the same.
    """
    if not await doors(request).listeners.forget(listener_id):
        raise UnknownListener(f"Nothing is remembered of listener {listener_id!r}: no event came or it expired.")
    return Response(status_code=204)
