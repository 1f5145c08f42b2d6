"""Telling errors: every error of the API leaves through here, in one shape (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.errors import Rejected, SegueError, TryLater
from app.web.body import InvalidFields
from app.web.problem_table import INTERNAL_ERROR, MethodNotAllowed, NoSuchRoute, problem_of
from app.web.schemas.problems import ProblemAnswer, field_problems

PROBLEM_JSON = "application/problem+json"


def problem_response(error: Exception, scope: Scope) -> Response:
    """Tell an error. What nobody foresaw is told without its words: they may name internals."""
    problem = problem_of(type(error))
    detail = str(error) if isinstance(error, SegueError) and problem is not INTERNAL_ERROR else problem.advice
    answer: ProblemAnswer = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": detail,
        "request_id": scope["state"]["request_id"],
    }
    if isinstance(error, InvalidFields):
        answer["errors"] = error.fields
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TryLater) else None
    return Response(to_json(answer), problem.status, headers, PROBLEM_JSON)


async def on_segue_error(request: Request, error: Exception) -> Response:
    """Tell an error in our own words."""
    return problem_response(error, request.scope)


async def on_invalid_parameters(request: Request, error: Exception) -> Response:
    """Tell what FastAPI found in path, query and headers, in the same shape as what we find in bodies."""
    assert isinstance(error, RequestValidationError)
    return problem_response(InvalidFields(field_problems(error.errors())), request.scope)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Tell the framework's own refusals, which are all about paths and methods."""
    assert isinstance(error, HTTPException)
    method, path = request.method, request.url.path
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NoSuchRoute(f"Expected a path of this API, got {path!r}."), request.scope)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed(request)
        message = f"Expected {allowed} for {path!r}, got {method}."
        response = problem_response(MethodNotAllowed(message), request.scope)
        response.headers["Allow"] = allowed
        return response
    return problem_response(Rejected(error.detail), request.scope)


def _allowed(request: Request) -> str:
    """Return every method of this path. The framework names those of the first route only."""
    methods = {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return ", ".join(sorted(methods))


HANDLERS: Mapping[Any, Any] = {
    SegueError: on_segue_error,
    RequestValidationError: on_invalid_parameters,
    HTTPException: on_http_exception,
}


def told(*errors: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of one route for the OpenAPI: each status once, an example for each code."""
    responses: dict[int | str, dict[str, Any]] = {}
    problems = {problem_of(error) for error in (*errors, Exception)}
    for problem in sorted(problems, key=lambda row: (row.status, row.code)):
        example: ProblemAnswer = {
            "type": problem.type,
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.advice,
            "request_id": "6f1e0c5a2b9d4e7f",
        }
        described = responses.setdefault(
            problem.status,
            {
                "description": "",
                "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        described["description"] += f"{' / ' if described['description'] else ''}{problem.title}"
        described["content"][PROBLEM_JSON]["examples"][problem.code] = {"value": example}
    return responses
