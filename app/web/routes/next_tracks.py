"""POST /v1/next: the hot call."""

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.api_keys import Scope
from app.domain.recommendation import Recommendation
from app.errors import NoCheckpoint, Overloaded, SessionConflict
from app.web.admission import require
from app.web.body import BODY_ERRORS, parse, read_json
from app.web.doors import doors
from app.web.examples import listening as examples
from app.web.idempotency import once
from app.web.idempotency_key import IDEMPOTENCY_ERRORS, PARAMETER, REPLAYED
from app.web.openapi import answered, body_of
from app.web.problems import told
from app.web.route import DirectRoute
from app.web.schemas.next_tracks import NextAnswer, NextRequest, next_answer

router = APIRouter(route_class=DirectRoute)
_ANSWER = TypeAdapter(NextAnswer)


@router.post(
    "/v1/next",
    tags=["listening"],
    summary="Take in events and get the next tracks",
    response_model=None,
    responses={
        **answered(NextAnswer, examples.NEXT_ANSWER, "X-Model-Version", "Server-Timing", REPLAYED),
        **told(*BODY_ERRORS, *IDEMPOTENCY_ERRORS, SessionConflict, Overloaded, NoCheckpoint),
    },
    openapi_extra={**body_of(NextRequest, examples.NEXT_REQUESTS), "parameters": [PARAMETER]},
)
async def next_tracks(request: Request) -> Response:
    """Report what a listener did, if anything, and get the tracks that may follow, most probable first.

    The answer to a repeated `event_id` is the same recommendation: the event is applied once. When the session
    store is away the answer comes from `recent` and the events alone, `degraded` says `state_unavailable`, and the
    events' outcome is `rejected`: send them again. With `consent: false` nothing is read or stored. A key needs the
    scope `events` too where events are to be stored.
    """
    body = await read_json(request)
    asked = parse(body, NextRequest)
    if asked.keeper is not None and (asked.event is not None or asked.events):
        require(request, Scope.EVENTS)
    keeper = () if asked.keeper is None else (asked.keeper,)
    return await once(request, body, lambda: _answered(request, asked), listeners=keeper, may_be_kept=bool(keeper))


async def _answered(request: Request, asked: NextRequest) -> Response:
    recommender = doors(request).recommender
    if asked.keeper is None:
        recommendation = await recommender.recommend(asked.ask(), asked.listened())
    else:
        recommendation = await recommender.observe(asked.keeper, asked.listened(), asked.ask())
    request.app.state.metrics.stages(recommendation.stage_us)
    return Response(
        _ANSWER.dump_json(next_answer(recommendation)),
        media_type="application/json",
        headers={
            "X-Model-Version": recommendation.checkpoint_id,
            "Server-Timing": server_timing(recommendation),
        },
    )


def server_timing(recommendation: Recommendation) -> str:
    """Write where the time went, in milliseconds per stage, for a browser's network panel to show."""
    return ", ".join(f"{stage};dur={elapsed / 1000:g}" for stage, elapsed in recommendation.stage_us.items())
