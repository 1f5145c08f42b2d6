"""Reading a request's body: JSON, whole, bounded, parsed once.

Knows nothing of what the fields mean.
"""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from app.errors import InvalidRequest, Rejected
from app.web.schemas.problems import FieldProblem, field_problems

MAX_BODY_BYTES = 1024 * 1024

Body = TypeVar("Body", bound=BaseModel)


class NotJson(Rejected):
    """A body that cannot be parsed."""


class UnsupportedMediaType(Rejected):
    """A body that does not say it is JSON."""


class BodyTooLarge(Rejected):
    """A body of more bytes than are read."""


class InvalidFields(InvalidRequest):
    """A request with fields that are missing, unknown or not what they should be."""

    def __init__(self, fields: list[FieldProblem]) -> None:
        first = fields[0]
        more = f" ({len(fields) - 1} more below)" if len(fields) > 1 else ""
        where = f"{first['in']} field {first['field']!r}" if first["field"] else f"the {first['in']}"
        super().__init__(f"In {where}: expected {first['expected']}, got {first['got']}.{more}")
        self.fields = fields


BODY_ERRORS = (NotJson, UnsupportedMediaType, BodyTooLarge, InvalidFields)


async def read_json(request: Request) -> bytes:
    """Return the bytes of a JSON body; raise UnsupportedMediaType or BodyTooLarge."""
    headers = request.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise UnsupportedMediaType(
            f"Expected a body with content-type: application/json, got {media_type or 'none'!r}. Add the header."
        )
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:12]) > MAX_BODY_BYTES:
        raise _too_large(f"{announced[:12]} announced")
    body = b""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        # Nearly every body comes in one piece; `+=` on empty bytes copies nothing.
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large("more")
        if not message.get("more_body", False):
            return body


def parse(body: bytes, model: type[Body]) -> Body:
    """Parse and check a JSON body in one pass; raise NotJson or InvalidFields."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from None


def refusal(error: ValidationError) -> Rejected:
    """Return the error that tells the caller what pydantic found in a body."""
    found = error.errors(include_url=False)
    if found[0]["type"] == "json_invalid":
        return NotJson(f"Expected a JSON object, got a body that is not JSON: {found[0]['ctx']['error']}.")
    return InvalidFields(field_problems(found, place="body"))


def _too_large(came: str) -> BodyTooLarge:
    return BodyTooLarge(f"Expected at most {MAX_BODY_BYTES} bytes of body, got {came}. Send it in parts.")
