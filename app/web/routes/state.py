"""GET /v1/admin/state: what is stored of all listeners together."""

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import SessionStoreUnavailable
from app.web.doors import doors
from app.web.examples import service as examples
from app.web.openapi import answered
from app.web.problems import told
from app.web.schemas.state import StateAnswer, state_answer

router = APIRouter()
_ANSWER = TypeAdapter(StateAnswer)
# Enough for a median; a dashboard asks several times a minute.
SAMPLE = 200


@router.get(
    "/v1/admin/state",
    tags=["admin"],
    summary="Show what is stored",
    response_model=None,
    responses={**answered(StateAnswer, examples.STATE_ANSWER), **told(SessionStoreUnavailable)},
)
async def show_state(request: Request) -> Response:
    """Show how many listeners the session store remembers, what they take, and what waits to be collected.

    `segue state stats` tells more. Beyond 100,000 keys listeners are estimated from a part of them.
    """
    return Response(
        _ANSWER.dump_json(state_answer(await doors(request).state.look(SAMPLE))), media_type="application/json"
    )
