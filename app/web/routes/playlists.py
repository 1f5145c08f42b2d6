"""POST /v1/playlists: many tracks ahead."""

from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NoCheckpoint, Overloaded, Rejected
from app.formats.playlist_file import PlaylistFormat, write_playlist
from app.web.body import BODY_ERRORS, parse, read_json
from app.web.doors import doors
from app.web.examples import listening as examples
from app.web.media import NotAcceptable, preferred
from app.web.openapi import answered, body_of
from app.web.problems import told
from app.web.route import DirectRoute
from app.web.schemas.playlists import PlaylistAnswer, PlaylistRequest, playlist_answer

router = APIRouter(route_class=DirectRoute)
_ANSWER = TypeAdapter(PlaylistAnswer)
# What the answer can be had in, the first for those who do not say. Two names are in use for M3U8.
_OFFERED: dict[str, PlaylistFormat | None] = {
    "application/json": None,
    **{each.media_type: each for each in (PlaylistFormat.JSPF, PlaylistFormat.XSPF, PlaylistFormat.M3U8)},
    "audio/x-mpegurl": PlaylistFormat.M3U8,
}


def _told_in_every_format(responses: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    for media_type, file_format in _OFFERED.items():
        if file_format is not None:
            responses[200]["content"][media_type] = {"schema": {"type": "string"}}
    return responses


@router.post(
    "/v1/playlists",
    tags=["listening"],
    summary="Get a whole playlist",
    response_model=None,
    responses={
        **_told_in_every_format(answered(PlaylistAnswer, examples.PLAYLIST_ANSWER, "X-Model-Version")),
        **told(*BODY_ERRORS, NotAcceptable, Rejected, Overloaded, NoCheckpoint),
    },
    openapi_extra=body_of(PlaylistRequest, examples.PLAYLIST_REQUESTS),
)
async def make_playlist(request: Request) -> Response:
    """Play `n` tracks ahead of seeds, of a listener's session, or of both; the session is not changed.

    Each chosen track is read before the next is ranked, and no song comes twice. When rules and catalogue do not
    yield `n` tracks the list is short and `shortfall` says why; no rule is relaxed. `choosing` says how each track is
    taken from its ranking; a beam looks at several ways to go on and costs as many rankings. With `reasons` each track
    says what moved it, computed from the model. The Accept header chooses among JSON and the playlist files JSPF, XSPF
    and M3U8, which hold the tracks and nothing of how they were found.
    """
    asked = parse(await read_json(request), PlaylistRequest)
    media_type = preferred(request.headers.get("accept", ""), tuple(_OFFERED))
    playlist = await doors(request).recommender.playlist(asked.ask())
    file_format = _OFFERED[media_type]
    content = (
        write_playlist([ranked.track for ranked in playlist.tracks], file_format).encode()
        if file_format
        else _ANSWER.dump_json(playlist_answer(playlist))
    )
    return Response(
        content,
        headers={"Content-Type": media_type, "X-Model-Version": playlist.checkpoint_id, "Vary": "Accept"},
    )
