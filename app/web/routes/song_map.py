"""GET /v1/models/{checkpoint_id}/map: the tracks as points, near each other where the network finds them alike."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.song_map import MOST_POINTS
from app.errors import CheckpointError, InvalidRequest, ModelStoreUnavailable, NoSongMap, UnknownCheckpoint
from app.web.doors import doors
from app.web.examples import models as examples
from app.web.openapi import answered
from app.web.problems import told
from app.web.schemas.song_map import SongMapAnswer, song_map_answer

router = APIRouter()
_ANSWER = TypeAdapter(SongMapAnswer)


@router.get(
    "/v1/models/{checkpoint_id}/map",
    tags=["catalogue"],
    summary="Show the song map",
    response_model=None,
    responses={
        **answered(SongMapAnswer, examples.SONG_MAP_ANSWER, "X-Model-Version"),
        **told(InvalidRequest, UnknownCheckpoint, NoSongMap, CheckpointError, ModelStoreUnavailable),
    },
)
async def show_song_map(
    request: Request,
    checkpoint_id: Annotated[str, Path(min_length=1, max_length=64, description="An id, part of one, or a label.")],
    limit: Annotated[int, Query(ge=1, le=MOST_POINTS, description="How many tracks at most.")] = 5000,
) -> Response:
    """Show where the most popular tracks of a checkpoint lie on a plane: alike to the network is near.

    Places mean nothing across checkpoints, nor do directions. A checkpoint never changes, so neither does its map.
    """
    behind = doors(request)

    def written() -> tuple[str, bytes]:
        resolved = behind.checkpoints.resolve(checkpoint_id)
        return resolved, _ANSWER.dump_json(song_map_answer(resolved, behind.checkpoints.song_map(resolved), limit))

    resolved, content = await run_sync(written)
    return Response(content, media_type="application/json", headers={"X-Model-Version": resolved})
