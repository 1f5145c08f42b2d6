"""/v1/admin/training-runs: learn anew from what was heard, look on, and call it off."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.training_runs import TrainingRun
from app.errors import (
    CheckpointError,
    InvalidRequest,
    JobsUnavailable,
    ModelStoreUnavailable,
    TrainingRunOver,
    TrainingRunUnderWay,
    UnknownCheckpoint,
    UnknownTrainingRun,
)
from app.web.body import BODY_ERRORS, parse, read_json
from app.web.doors import doors
from app.web.draining import Draining, is_draining
from app.web.examples import training_runs as examples
from app.web.openapi import answered, body_of
from app.web.problems import told
from app.web.run_stream import RunStream
from app.web.schemas.training_runs import (
    TrainingRunAnswer,
    TrainingRunRequest,
    TrainingRunsAnswer,
    training_run_answer,
    training_runs_answer,
)
from app.web.streaming import EVENT_STREAM

router = APIRouter()
_RUNS = "/v1/admin/training-runs"
_ONE_RUN = f"{_RUNS}/{{run_id}}"
_ANSWER = TypeAdapter(TrainingRunAnswer)
_LISTED = TypeAdapter(TrainingRunsAnswer)
_TOLD = (InvalidRequest, UnknownTrainingRun, JobsUnavailable)

RunId = Annotated[str, Path(pattern="^[A-Za-z0-9-]{1,64}$", description="The run's id.")]


@router.post(
    _RUNS,
    tags=["admin"],
    summary="Train on what was heard",
    response_model=None,
    status_code=HTTPStatus.ACCEPTED,
    responses={
        **answered(
            TrainingRunAnswer,
            examples.TRAINING_RUN_ASKED_ANSWER,
            "Location",
            description="Queued",
            status=HTTPStatus.ACCEPTED,
        ),
        **told(
            *BODY_ERRORS,
            UnknownCheckpoint,
            CheckpointError,
            ModelStoreUnavailable,
            TrainingRunUnderWay,
            JobsUnavailable,
        ),
    },
    openapi_extra=body_of(TrainingRunRequest, examples.TRAINING_RUN_REQUESTS),
)
async def begin_training_run(request: Request) -> Response:
    """Ask for a training run; a worker (`segue worker`) carries it out beside the service. One at a time.

    It learns from the event log and a data set, is judged on the newest part of both, and publishes a checkpoint, which
    answers nobody until a label names it, unless `promote` was asked and the gate accepts. A dry run only tells what
    it would learn from. A worker that dies is followed by another, which goes on from what the run has kept.
    """
    asked = parse(await read_json(request), TrainingRunRequest)
    run = await doors(request).training.begin(asked.ask())
    return _accepted(run)


@router.get(
    _RUNS,
    tags=["admin"],
    summary="List training runs",
    response_model=None,
    responses={**answered(TrainingRunsAnswer, examples.TRAINING_RUNS_ANSWER), **told(JobsUnavailable)},
)
async def list_training_runs(request: Request) -> Response:
    """List the training runs of the last three months, newest first, a hundred at most."""
    runs = await doors(request).training.newest()
    return Response(_LISTED.dump_json(training_runs_answer(runs)), media_type="application/json")


@router.get(
    _ONE_RUN,
    tags=["admin"],
    summary="Show a training run",
    response_model=None,
    responses={**answered(TrainingRunAnswer, examples.TRAINING_RUN_ANSWER), **told(*_TOLD)},
)
async def show_training_run(request: Request, run_id: RunId) -> Response:
    """Show how far a training run is, and what came of it once it is over."""
    return _response(await doors(request).training.get(run_id))


@router.get(
    f"{_ONE_RUN}/events",
    tags=["admin"],
    summary="Follow a training run",
    response_model=None,
    responses={
        200: {
            "description": "Server-sent events until the run is over.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}, "example": examples.RUN_STREAM_ANSWER}},
            "headers": {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}},
        },
        **told(*_TOLD, Draining),
    },
)
async def follow_training_run(
    request: Request,
    run_id: RunId,
    last_event_id: Annotated[str | None, Header(description="The id of the last event you have.")] = None,
) -> Response:
    """Get the run now and at every change: `progress` while it is under way, `end` once it is over, as the last event.

    With the Last-Event-ID of the newest event nothing is sent until the run changes. Where the server ends before the
    run does, the stream ends without `end`: open it again.
    """
    if is_draining(request.scope):
        raise Draining("Expected a server that stays, got one that was told to end. Open the stream again.")
    training = doors(request).training
    await training.get(run_id)  # a problem now is better than a stream that never says anything
    return RunStream(training, run_id, _version(last_event_id))


@router.get(
    f"{_ONE_RUN}/log",
    tags=["admin"],
    summary="Read a training run's log",
    response_model=None,
    responses={
        200: {
            "description": "What the run told, line by line.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": examples.RUN_LOG_ANSWER}},
            "headers": {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}},
        },
        **told(*_TOLD),
    },
)
async def read_training_run_log(request: Request, run_id: RunId) -> Response:
    """Read what a training run has told so far: its stages, every epoch, the gate's reasons, what went wrong."""
    lines = await doors(request).training.told(run_id)
    return Response("".join(f"{line}\n" for line in lines), media_type="text/plain; charset=utf-8")


@router.delete(
    _ONE_RUN,
    tags=["admin"],
    summary="Cancel a training run",
    response_model=None,
    status_code=HTTPStatus.ACCEPTED,
    responses={
        **answered(
            TrainingRunAnswer,
            examples.TRAINING_RUN_CANCELLED_ANSWER,
            description="Cancelled",
            status=HTTPStatus.ACCEPTED,
        ),
        **told(*_TOLD, TrainingRunOver),
    },
)
async def cancel_training_run(request: Request, run_id: RunId) -> Response:
    """Cancel a run that is queued or running; its worker stops within seconds, and nothing is published."""
    return _response(await doors(request).training.cancel(run_id), HTTPStatus.ACCEPTED)


def _version(event_id: str | None) -> int:
    """Return the version that an event told; 0, which no run is at, for what is none of ours."""
    return int(event_id) if event_id is not None and re.fullmatch("[0-9]{1,9}", event_id) else 0


def _accepted(run: TrainingRun) -> Response:
    response = _response(run, HTTPStatus.ACCEPTED)
    response.headers["Location"] = f"{_RUNS}/{run.run_id}"
    return response


def _response(run: TrainingRun, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(_ANSWER.dump_json(training_run_answer(run)), status, media_type="application/json")
