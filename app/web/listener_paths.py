"""Which listener a path means, and what of the listener.

An id may hold anything, `/export` too. In a path it is percent-encoded, so a plain slash before the name of a part
is one of ours, and an encoded one belongs to the id:

    /v1/listeners/ann/export        the export of ann
    /v1/listeners/ann%2Fexport      the listener ann/export

Knows nothing of what the parts are about.
"""

from typing import Annotated

from fastapi import Path
from fastapi.routing import APIRoute
from pydantic import AfterValidator
from starlette.routing import Match
from starlette.types import Scope

from app.web.schemas.fields import identifier

LISTENERS = "/v1/listeners/"
ONE_LISTENER = f"{LISTENERS}{{listener_id:path}}"
PARTS = frozenset({"blocks", "export", "merge", "reset", "stream"})

ListenerId = Annotated[
    str, AfterValidator(identifier), Path(min_length=1, max_length=256, description="Whose data is meant.")
]


class ListenerRoute(APIRoute):
    """A route of a listener, or of the part of a listener that its path ends in; no part is taken for an id."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match only what means the same part as this route."""
        if part_of(scope) != self.path.removeprefix(ONE_LISTENER).removeprefix("/"):
            return Match.NONE, {}
        return super().matches(scope)


def part_of(scope: Scope) -> str:
    """Return the part of a listener that a path means, empty where it means the listener."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    listener_id, _, last = path.removeprefix(LISTENERS.encode()).rpartition(b"/")
    part = last.decode("ascii", "replace")
    return part if listener_id and part in PARTS else ""
