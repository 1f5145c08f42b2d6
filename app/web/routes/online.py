"""GET /v1/models/{checkpoint_id}/online: how well a checkpoint foresees what listeners play."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidRequest, ModelStoreUnavailable, SessionStoreUnavailable, UnknownCheckpoint
from app.web.doors import doors
from app.web.examples import models as examples
from app.web.openapi import answered
from app.web.problems import told
from app.web.schemas.online import OnlineAnswer, online_answer

router = APIRouter()
_ANSWER = TypeAdapter(OnlineAnswer)


@router.get(
    "/v1/models/{checkpoint_id}/online",
    tags=["models"],
    summary="Show online quality",
    response_model=None,
    responses={
        **answered(OnlineAnswer, examples.ONLINE_ANSWER),
        **told(InvalidRequest, UnknownCheckpoint, ModelStoreUnavailable, SessionStoreUnavailable),
    },
)
async def show_online(
    request: Request,
    checkpoint_id: Annotated[str, Path(min_length=1, max_length=64, description="An id, part of one, or a label.")],
) -> Response:
    """Show where the tracks that were really played stood in the ranking before, by label, over all workers.

    `beside` is the checkpoint that answered the other listeners, or those that a shadow watched. `comparison` tells
    whether canary and stable really differ; it may be looked at all the time. The last second may be missing.
    """
    behind = doors(request)
    resolved = await run_sync(behind.checkpoints.resolve, checkpoint_id)
    arms = await behind.online.arms(resolved)
    comparison = await behind.online.comparison()
    return Response(_ANSWER.dump_json(online_answer(resolved, arms, comparison)), media_type="application/json")
