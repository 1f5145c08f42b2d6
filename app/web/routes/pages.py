"""The pages for people: `/`, `/dashboard`, and what they are made of below /assets.

They hold no data, so that anybody may have them: what they show they ask of the API, with the key that a person typed.
Knows nothing of what the pages do.
"""

import mimetypes
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.web.problem_table import NoSuchRoute
from app.web.scopes import ASSETS, DASHBOARD, PLAYER

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parents[1] / "pages"
READING = ["GET", "HEAD"]
SOUNDS = f"{ASSETS}sounds.json"
# Nothing from elsewhere, nothing inline, in nobody's frame.
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # The names stay when the content changes: a browser asks every time, and is mostly told that it has the newest.
    "Cache-Control": "no-cache",
}
# The system's own table may not know them, or may know them by other names.
_MEDIA_TYPES = {".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the pages, in memory."""

    content: bytes
    media_type: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """Return every file of the pages by its path below their folder. Nothing else can be asked for by any name."""
    return {
        file.relative_to(FOLDER).as_posix(): _asset(file)
        for file in sorted(FOLDER.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


@router.api_route(PLAYER, methods=READING)
async def show_player(request: Request) -> Response:
    """Show the player."""
    return _answer(request, "index.html")


@router.api_route(DASHBOARD, methods=READING)
async def show_dashboard(request: Request) -> Response:
    """Show the operators' dashboard."""
    return _answer(request, "dashboard.html")


@router.api_route(SOUNDS, methods=READING)
async def show_sounds(request: Request) -> Response:
    """Show where the sounds of tracks are, if the operator told."""
    told = to_json({"audio_url": request.app.state.audio_url})
    return Response(told, headers={**HEADERS, "Content-Type": "application/json"})


@router.api_route(f"{ASSETS}{{name:path}}", methods=READING)
async def show_asset(request: Request, name: str) -> Response:
    """Show a script, a style sheet or a picture of the pages."""
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    asset = assets().get(name)
    if asset is None:
        raise NoSuchRoute(f"Expected a file of the pages, got {name[:80]!r}.")
    headers = {**HEADERS, **_hearing(request.app.state.audio_url), "ETag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers={**headers, "Content-Type": asset.media_type})


@cache
def _hearing(audio_url: str | None) -> dict[str, str]:
    """Let pages play what lies on the server that the operator named, and on no other."""
    server = urlsplit(audio_url or "")
    if not server.netloc:
        return {}
    return {"Content-Security-Policy": f"{POLICY}; media-src 'self' {server.scheme}://{server.netloc}"}


def _asset(file: Path) -> Asset:
    content = file.read_bytes()
    kind = _MEDIA_TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return Asset(content, kind + charset, f'"{sha256(content).hexdigest()[:32]}"')
