"""What pydantic finds, in our words."""

import pytest
from pydantic import ValidationError

from app.web.schemas.next_tracks import NextRequest
from app.web.schemas.problems import MAX_FIELD_PROBLEMS, FieldProblem, field_problems


def problems(body: str) -> list[FieldProblem]:
    with pytest.raises(ValidationError) as caught:
        NextRequest.model_validate_json(body)
    return field_problems(caught.value.errors(), place="body")


@pytest.mark.parametrize(
    ("body", "field", "expected", "got"),
    [
        ('{"n": "many"}', "n", "a valid integer", '"many"'),
        ('{"listener_id": "a", "event": {"type": "liked"}}', "event.track_id", "a value, for the field", "nothing"),
        ('{"N": 3}', "N", "no field of this name", "3"),
        ('{"exclude": ["a", 5]}', "exclude[1]", "a valid string", "5"),
        (f'{{"recent": {["t"] * 501}}}'.replace("'", '"'), "recent", "at most 500 items", "501 items"),
        ('{"listener_id": "a\\u0007"}', "listener_id", "1 to 256 characters", '"a\\u0007"'),
        ("[]", "", "an object", "[]"),
    ],
)  # fmt: skip
def test_each_field_says_where_what_was_expected_and_what_came(body: str, field: str, expected: str, got: str) -> None:
    """One line for one mistake."""
    [problem] = problems(body)
    assert (problem["in"], problem["field"], problem["got"]) == ("body", field, got)
    assert expected in problem["expected"]


def test_a_thousand_mistakes_are_told_as_the_first_twenty() -> None:
    """An answer stays readable."""
    assert len(problems('{"exclude": [' + ",".join(["1"] * 1000) + "]}")) == MAX_FIELD_PROBLEMS


def test_a_long_value_is_cut() -> None:
    """What came is told, not repeated."""
    [problem] = problems('{"n": "' + "x" * 5000 + '"}')
    assert len(problem["got"]) < 110
