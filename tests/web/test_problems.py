"""One table from errors to problems: complete, closed, looked up through the class hierarchy."""

import json

import pytest

from app import errors
from app.errors import CorruptCheckpoint, InvalidDataset, NotANumber, Overloaded, SegueError
from app.web.problems import CODES, INTERNAL_ERROR, PROBLEMS, problem_of, problem_response, told

SCOPE = {"state": {"request_id": "r-1"}}
ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, SegueError)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_a_problem(error: type[SegueError]) -> None:
    """Its own, or that of the nearest ancestor."""
    assert problem_of(error) in PROBLEMS.values()


def test_an_error_without_a_row_takes_its_ancestors() -> None:
    """A new error is never a surprise."""
    assert problem_of(InvalidDataset).code == "rejected"
    assert problem_of(CorruptCheckpoint).code == "checkpoint_unusable"
    assert problem_of(NotANumber) is problem_of(KeyError) is INTERNAL_ERROR


def test_codes_are_a_closed_list_without_doubles() -> None:
    """One row, one code."""
    assert len(CODES) == len(PROBLEMS)


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
