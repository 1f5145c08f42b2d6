"""GET /v1/tracks: the catalogue that serves, searched and looked up."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidRequest, NoCheckpoint, TrackNotFound
from app.web.doors import doors
from app.web.examples import listening as examples
from app.web.openapi import answered
from app.web.problems import told
from app.web.schemas.fields import identifier
from app.web.schemas.tracks import TrackAnswer, TracksAnswer, track_answer

router = APIRouter()
_TRACK = TypeAdapter(TrackAnswer)
_TRACKS = TypeAdapter(TracksAnswer)


@router.get(
    "/v1/tracks",
    tags=["catalogue"],
    summary="Search tracks",
    response_model=None,
    responses={
        **answered(TracksAnswer, examples.TRACKS_ANSWER, "X-Model-Version"),
        **told(InvalidRequest, NoCheckpoint),
    },
)
async def search_tracks(
    request: Request,
    q: Annotated[str, Query(min_length=1, max_length=200, description="Title, artist or both; typos are forgiven.")],
    limit: Annotated[int, Query(ge=1, le=100, description="How many matches at most.")] = 20,
) -> Response:
    """Find tracks by title and artist as a person types them, best match first."""
    served = doors(request).reloader.current
    # One checkpoint for both: the rows of a search mean nothing in another catalogue.
    rows = await run_sync(served.search.find, q, limit)
    answer: TracksAnswer = {"query": q, "tracks": [track_answer(served.predictor.catalogue[row]) for row in rows]}
    return Response(
        _TRACKS.dump_json(answer),
        media_type="application/json",
        headers={"X-Model-Version": served.predictor.checkpoint_id},
    )


@router.get(
    # An id may hold a slash; there is nothing behind it in the path.
    "/v1/tracks/{track_id:path}",
    tags=["catalogue"],
    summary="Look a track up",
    response_model=None,
    responses={
        **answered(TrackAnswer, examples.TRACK_ANSWER, "X-Model-Version"),
        **told(InvalidRequest, TrackNotFound, NoCheckpoint),
    },
)
async def show_track(
    request: Request, track_id: Annotated[str, AfterValidator(identifier), Path(min_length=1, max_length=256)]
) -> Response:
    """Show one track of the catalogue that serves."""
    predictor = doors(request).reloader.current.predictor
    row = predictor.catalogue.index_of(track_id)
    if row is None:
        raise TrackNotFound(
            f"Expected a track of the {len(predictor.catalogue)} in the catalogue, got {track_id!r}. "
            "Find track ids with GET /v1/tracks?q=..."
        )
    return Response(
        _TRACK.dump_json(track_answer(predictor.catalogue[row])),
        media_type="application/json",
        headers={"X-Model-Version": predictor.checkpoint_id},
    )
