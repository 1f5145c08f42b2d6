"""The Idempotency-Key of a request: what it looks like, and how it is refused.

After the IETF's draft-ietf-httpapi-idempotency-key-header. Knows nothing of answers (`idempotency.py`).
"""

import re

from starlette.requests import Request

from app.errors import Conflict, InvalidRequest, Rejected

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Your name for this request, 1 to 128 printable characters, a UUID for instance. Sent again within the time "
        f"that answers are kept, it gets the first answer again, with `{REPLAYED}: true`."
    ),
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}

_KEY = re.compile(r"[!-~]{1,128}")


class InvalidIdempotencyKey(InvalidRequest):
    """An Idempotency-Key that is empty, too long or not printable."""


class IdempotencyKeyReused(Rejected):
    """The key of another request."""


class StillAnswering(Conflict):
    """The first request of this key is still being answered."""


IDEMPOTENCY_ERRORS = (InvalidIdempotencyKey, IdempotencyKeyReused, StillAnswering)


def idempotency_key(request: Request) -> str | None:
    """Return the key a request came with, if any. Raises InvalidIdempotencyKey."""
    key = request.headers.get(HEADER)
    if key is None or _KEY.fullmatch(key):
        return key
    raise InvalidIdempotencyKey(
        f"Expected an {HEADER} of 1 to 128 printable characters without spaces, got {key[:140]!r}. Send a UUID."
    )
