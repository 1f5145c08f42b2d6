"""The OpenAPI page: what FastAPI finds in the routes, and the bodies that the routes read themselves.

Knows nothing of any one route.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from app.web.admission import KeyNeeded, KeyRefused, NotAdmitted, RateExceeded, ScopeMissing
from app.web.problem_table import CODES, PROBLEMS, HeadersTooLarge, MalformedRequest, RequestTooSlow
from app.web.problems import told
from app.web.schemas.added_tracks import AddTracksRequest
from app.web.schemas.blocks import BlocksRequest
from app.web.schemas.events import EventsRequest
from app.web.schemas.labels import LabelRequest
from app.web.schemas.listeners import MergeRequest, ResetRequest
from app.web.schemas.next_tracks import NextRequest
from app.web.schemas.playlists import PlaylistRequest
from app.web.schemas.problems import ProblemAnswer
from app.web.schemas.training_runs import TrainingRunRequest
from app.web.scopes import OPEN, needed

REQUEST_BODIES: tuple[type[BaseModel], ...] = (
    EventsRequest,
    NextRequest,
    PlaylistRequest,
    AddTracksRequest,
    BlocksRequest,
    ResetRequest,
    MergeRequest,
    LabelRequest,
    TrainingRunRequest,
)
_REFERENCE = "#/components/schemas/{model}"
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `segue keys create` made. The names beside a call are the scopes it needs.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}
HEADERS_OF = {"401": ("WWW-Authenticate",), "429": ("Retry-After", "RateLimit", "RateLimit-Policy")}

REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "description": (
        "Your name for this request, echoed and logged: up to 128 letters, digits, `.`, `_`, `-`. Another is replaced."
    ),
    "schema": {"type": "string"},
}
HEADERS = {
    "X-Request-ID": "The request's name, yours or ours.",
    "X-Model-Version": "The checkpoint that answered.",
    "Idempotent-Replayed": "`true` where this is the answer to an earlier request of the same Idempotency-Key.",
    "Server-Timing": "Milliseconds per stage: load, queue, step, rank, commit.",
    "WWW-Authenticate": "How to show a key.",
    "Location": "Where what was asked for can be looked at.",
    "ETag": "The version of what was answered, for If-Match.",
    "Retry-After": "Seconds to wait.",
    "RateLimit": "Calls left to this key, and in how many seconds all are there again.",
    "RateLimit-Policy": "Calls that this key may make, and in how many seconds.",
}


def body_of(model: type[BaseModel], examples: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the JSON body of a route that reads it itself."""
    described = {name: {"value": value} for name, value in examples.items()}
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": described}}}
    }


def answered(
    model: Any, example: Any, *headers: str, description: str = "Done", status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """Describe the good answer of a route: its model, a real example, and the headers it adds."""
    return {
        status: {
            "model": model,
            "description": description,
            "content": {"application/json": {"example": example}},
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)},
        }
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        _, bodies = models_json_schema([(body, "validation") for body in REQUEST_BODIES], ref_template=_REFERENCE)
        schemas.update(bodies["$defs"])
        schemas.update(_problem_schema())
        components["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()
        }
        for path in document["paths"].values():
            for operation in path.values():
                operation["parameters"] = [*operation.get("parameters", ()), REQUEST_ID]
        _say_who_may(document)
        app.openapi_schema = document
    return app.openapi_schema


def _say_who_may(document: dict[str, Any]) -> None:
    """State the scope of every call, and how it is refused without."""
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in told(MalformedRequest, RequestTooSlow, HeadersTooLarge).items():
                operation["responses"].setdefault(str(status), response)
            if path in OPEN:
                continue
            scope = needed(method.upper(), path)
            operation["security"] = [{name: [scope.value] if scope else []} for name in SECURITY_SCHEMES]
            refusals = (KeyNeeded, KeyRefused, RateExceeded, NotAdmitted, *(() if scope is None else (ScopeMissing,)))
            for status, response in told(*refusals).items():
                operation["responses"].setdefault(str(status), response)
            for status in ("401", "429"):
                operation["responses"][status]["headers"] = {
                    name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS_OF[status]
                }


def _problem_schema() -> dict[str, Any]:
    schema = TypeAdapter(ProblemAnswer).json_schema(ref_template=_REFERENCE)
    fields = schema.pop("$defs")
    schema["title"] = "Problem"
    schema["properties"]["code"] = {
        "type": "string",
        "enum": list(CODES),
        "description": "\n".join(f"- `{row.code}` ({row.status}): {row.title}." for row in PROBLEMS.values()),
    }
    return {"Problem": schema, **fields}
