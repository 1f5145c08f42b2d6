"""Long work beside answers: other threads get their turn sooner, for as long as it lasts."""

import sys

import pytest

from app.serving.beside import HELD_S, USUAL_S, beside_answers

pytestmark = pytest.mark.anyio


async def test_turns_are_short_while_the_work_lasts() -> None:
    assert await beside_answers(sys.getswitchinterval) == pytest.approx(HELD_S)
    assert sys.getswitchinterval() == pytest.approx(USUAL_S)


async def test_what_the_work_raises_is_raised_and_ends_the_short_turns() -> None:
    with pytest.raises(ValueError, match="no number"):
        await beside_answers(int, "no number")
    assert sys.getswitchinterval() == pytest.approx(USUAL_S)
