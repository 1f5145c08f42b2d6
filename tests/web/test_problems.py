"""Every error is told in one shape, with no words that nobody chose."""

import json

import pytest

from app import errors
from app.errors import NotANumber, Overloaded
from app.web.problems import problem_response, told

SCOPE = {"state": {"request_id": "r-1"}}


def test_a_problem_is_told_in_the_shape_of_rfc_9457() -> None:
    """With the media type and the request's name."""
    response = problem_response(Overloaded("Busy.", retry_after_s=3), SCOPE)
    assert response.media_type == "application/problem+json"
    assert response.headers["retry-after"] == "3"
    assert json.loads(bytes(response.body)) == {
        "type": "/problems/overloaded",
        "title": "Too many requests are waiting",
        "status": 503,
        "code": "overloaded",
        "detail": "Busy.",
        "request_id": "r-1",
    }


@pytest.mark.parametrize("error", [ValueError("secret"), NotANumber("secret")])
def test_what_nobody_foresaw_is_told_without_its_words(error: Exception) -> None:
    """They may name internals."""
    response = problem_response(error, SCOPE)
    assert response.status_code == 500
    assert b"secret" not in response.body


def test_a_routes_errors_are_described_once_per_status() -> None:
    """With an example for each code, and the 500 that every route may answer."""
    described = told(errors.Overloaded, errors.NoCheckpoint)
    assert set(described) == {500, 503}
    examples = described[503]["content"]["application/problem+json"]["examples"]
    assert set(examples) == {"overloaded", "no_checkpoint"}
