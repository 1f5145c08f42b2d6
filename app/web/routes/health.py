"""GET /livez, /readyz, /metrics: three different answers for those who watch."""

from typing import Literal

from anyio import move_on_after
from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NoCheckpoint, SessionStoreUnavailable
from app.web.doors import Pinging, doors
from app.web.draining import Draining, is_draining
from app.web.examples import service as examples
from app.web.openapi import answered
from app.web.problems import told
from app.web.schemas.health import AliveAnswer, ReadyAnswer
from app.web.schemas.models import refused_answer

router = APIRouter()
_READY = TypeAdapter(ReadyAnswer)
# A probe usually gives up after one second: it should hear that the store is slow, not nothing.
PING_S = 0.5


@router.get(
    "/livez",
    tags=["operation"],
    summary="Is the process alive?",
    response_model=None,
    responses={**answered(AliveAnswer, examples.ALIVE_ANSWER), **told()},
)
async def show_alive() -> Response:
    """Answer as long as the process can; a restart helps when this fails."""
    return Response(b'{"status":"alive"}', media_type="application/json")


@router.get(
    "/readyz",
    tags=["operation"],
    summary="Can this worker answer listeners?",
    response_model=None,
    responses={**answered(ReadyAnswer, examples.READY_ANSWER), **told(NoCheckpoint, Draining)},
)
async def show_ready(request: Request) -> Response:
    """Answer 200 once a checkpoint is loaded and warmed, 503 before and while the service ends.

    The session store's state is told, but does not take the worker out of service: every worker would leave at
    once, while each can still answer from what requests carry.
    """
    behind = doors(request)
    store_state = await _store_state(behind.session_store)
    # Only now: it may have been told to end while the store was asked.
    if is_draining(request.scope):
        raise Draining("Expected a server that stays, got one that was told to end. Open requests get their answers.")
    answer: ReadyAnswer = {
        "status": "ready",
        "checkpoint_id": behind.reloader.current.predictor.checkpoint_id,
        "session_store": store_state,
        "model_store": "up" if behind.reloader.sees_labels else "down",
        "refused": refused_answer(behind.reloader),
    }
    return Response(_READY.dump_json(answer), media_type="application/json")


@router.get(
    "/metrics",
    tags=["operation"],
    summary="Metrics for Prometheus",
    response_model=None,
    responses={
        200: {
            "description": "Counts and times in the Prometheus text format, of all workers together.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": examples.METRICS_ANSWER}},
        },
        **told(),
    },
)
def show_metrics(request: Request) -> Response:
    """Show counts and times of all workers together."""
    page, content_type = request.app.state.metrics.exposition()
    return Response(page, headers={"Content-Type": content_type})


async def _store_state(session_store: Pinging) -> Literal["up", "down"]:
    with move_on_after(PING_S):
        try:
            await session_store.ping()
        except SessionStoreUnavailable:
            return "down"
        return "up"
    return "down"
