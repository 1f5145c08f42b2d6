"""GET /v1/models: what was published, how it ranks, and which one serves."""

from anyio.to_thread import run_sync
from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import CheckpointError, ModelStoreUnavailable
from app.web.doors import doors
from app.web.examples import models as examples
from app.web.openapi import answered
from app.web.problems import told
from app.web.schemas.models import ModelsAnswer, models_answer

router = APIRouter()
_ANSWER = TypeAdapter(ModelsAnswer)


@router.get(
    "/v1/models",
    tags=["models"],
    summary="List checkpoints",
    response_model=None,
    responses={**answered(ModelsAnswer, examples.MODELS_ANSWER), **told(CheckpointError, ModelStoreUnavailable)},
)
async def list_models(request: Request) -> Response:
    """List every published checkpoint, newest first, with its metrics beside the baselines.

    `serving` is the one this worker answers with; it follows the label `stable` within seconds. `refused` is one
    that was promoted but is corrupt or of another version: the one before keeps serving.
    """
    behind = doors(request)
    published = await run_sync(behind.checkpoints.list)
    labels = await run_sync(behind.checkpoints.labels)
    answer = models_answer(published, labels, behind.reloader)
    return Response(_ANSWER.dump_json(answer), media_type="application/json")
