"""POST /v1/admin/tracks: tracks that the model has never seen, added to what it can rank."""

from http import HTTPStatus

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import CheckpointError, LabelConflict, ModelStoreUnavailable, TrackExists, UnknownCheckpoint
from app.web.body import BODY_ERRORS, parse, read_json
from app.web.doors import doors
from app.web.examples import models as examples
from app.web.openapi import answered, body_of
from app.web.problems import told
from app.web.route import DirectRoute
from app.web.schemas.added_tracks import AddedTracksAnswer, AddTracksRequest, added_tracks_answer

router = APIRouter(route_class=DirectRoute)
_ANSWER = TypeAdapter(AddedTracksAnswer)


@router.post(
    "/v1/admin/tracks",
    tags=["admin"],
    summary="Add tracks without retraining",
    response_model=None,
    status_code=HTTPStatus.CREATED,
    responses={
        **answered(AddedTracksAnswer, examples.ADDED_TRACKS_ANSWER, description="Published", status=HTTPStatus.CREATED),
        **told(*BODY_ERRORS, UnknownCheckpoint, TrackExists, LabelConflict, CheckpointError, ModelStoreUnavailable),
    },
    openapi_extra=body_of(AddTracksRequest, examples.ADD_TRACKS_REQUESTS),
)
async def add_tracks(request: Request) -> Response:
    """Publish a new checkpoint: the one that serves (or the one named), with 1 to 1000 tracks it has never seen.

    A new track begins as tracks of its artist, genre, tags and decade are. All tracks are added or none. Labels stay as
    they are unless `promote` is true; then every worker follows within seconds.
    """
    asked = parse(await read_json(request), AddTracksRequest)
    tracks = [track.track() for track in asked.tracks]
    added = await doors(request).cataloguing.add(tracks, to=asked.checkpoint, promote=asked.promote)
    return Response(
        _ANSWER.dump_json(added_tracks_answer(added, tracks)), HTTPStatus.CREATED, media_type="application/json"
    )
