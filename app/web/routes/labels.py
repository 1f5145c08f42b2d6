"""/v1/models/labels: which checkpoint answers whom, and the way back."""

import re
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import (
    CheckpointError,
    InvalidRequest,
    LabelConflict,
    LabelsChanged,
    ModelStoreUnavailable,
    UnknownCheckpoint,
    WorseThanBaseline,
)
from app.web.body import BODY_ERRORS, parse, read_json
from app.web.checkpoint_doors import CheckpointLabels
from app.web.doors import doors
from app.web.examples import models as examples
from app.web.openapi import answered, body_of
from app.web.problem_table import VersionNeeded
from app.web.problems import told
from app.web.schemas.labels import LabelRequest, LabelsAnswer, labels_answer

router = APIRouter()
_ANSWER = TypeAdapter(LabelsAnswer)
_ETAG = re.compile(r'\s*"([0-9]{1,18})"\s*')
_PATH = "/v1/models/labels"

Label = Annotated[str, Path(pattern="^(stable|canary|shadow)$", description="stable, canary or shadow.")]
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": 'The ETag of the labels that this is a change of, such as `"7"`; `*` for whatever they are now.',
    "schema": {"type": "string"},
}
_TOLD = (InvalidRequest, UnknownCheckpoint, LabelsChanged, LabelConflict, CheckpointError, ModelStoreUnavailable)


@router.get(
    _PATH,
    tags=["models"],
    summary="Show labels",
    response_model=None,
    responses={
        **answered(LabelsAnswer, examples.LABELS_ANSWER, "ETag"),
        **told(CheckpointError, ModelStoreUnavailable),
    },
)
async def show_labels(request: Request) -> Response:
    """Show which checkpoints are stable, canary and shadow. The ETag is what the next change names in If-Match."""
    return _response(await run_sync(doors(request).checkpoints.labels))


@router.put(
    f"{_PATH}/{{label}}",
    tags=["models"],
    summary="Point a label at a checkpoint",
    response_model=None,
    responses={
        **answered(LabelsAnswer, examples.LABELS_ANSWER, "ETag"),
        **told(*BODY_ERRORS, *_TOLD, VersionNeeded, WorseThanBaseline),
    },
    openapi_extra={**body_of(LabelRequest, examples.LABEL_REQUESTS), "parameters": [{**IF_MATCH, "required": True}]},
)
async def point_label(request: Request, label: Label) -> Response:
    """Load a checkpoint and point a label at it; the other workers load it and follow within seconds.

    `stable` answers, `canary` answers a share of the listeners, always the same ones, `shadow` computes beside the
    others and answers nobody. What answered before goes on until its last request is done. If-Match is needed: two who
    decide at once must not undo each other.
    """
    expected = _expected(request)
    if expected is None and request.headers.get("if-match") is None:
        raise VersionNeeded('Expected If-Match with the ETag of the labels, such as "7", or `*`; got none.')
    asked = parse(await read_json(request), LabelRequest)
    labels = await doors(request).labelling.point(
        label,
        asked.checkpoint_id,
        traffic_percent=asked.traffic_percent,
        expected_version=expected,
        force=asked.force,
    )
    return _response(labels)


@router.post(
    f"{_PATH}/{{label}}/rollback",
    tags=["models"],
    summary="Roll a label back",
    response_model=None,
    responses={**answered(LabelsAnswer, examples.ROLLED_BACK_ANSWER, "ETag"), **told(*_TOLD)},
    openapi_extra={"parameters": [IF_MATCH]},
)
async def roll_back(request: Request, label: Label) -> Response:
    """Return `stable` to the checkpoint before, or take `canary` or `shadow` away. It takes no body and no If-Match."""
    return _response(await doors(request).labelling.back(label, expected_version=_expected(request)))


def _expected(request: Request) -> int | None:
    """Return the version of the labels that a request is a change of; None for whichever."""
    written = request.headers.get("if-match", "*").strip()
    if written == "*":
        return None
    match = _ETAG.fullmatch(written)
    if match is None:
        raise InvalidRequest(f'Expected If-Match with one ETag of the labels, such as "7", or `*`; got {written!r}.')
    return int(match[1])


def _response(labels: CheckpointLabels) -> Response:
    return Response(
        _ANSWER.dump_json(labels_answer(labels)),
        media_type="application/json",
        headers={"ETag": f'"{labels.version}"'},
    )
