"""One table from errors to problems: complete, closed, looked up through the class hierarchy."""

import pytest

from app import errors
from app.errors import CorruptCheckpoint, InvalidDataset, NotANumber, SegueError
from app.web.problem_table import CODES, INTERNAL_ERROR, PROBLEMS, problem_of

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
