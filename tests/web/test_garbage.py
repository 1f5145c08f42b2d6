"""Python looks for unreachable objects rarely, and finds them all the same."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from app.web.garbage import NEW_OBJECTS, look_rarely


class Held:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)


def test_what_holds_itself_is_found_in_the_end() -> None:
    look_rarely()
    lost = ref(Held())
    made = [[number] for number in range(2 * NEW_OBJECTS)]
    assert lost() is None
    assert len(made) == 2 * NEW_OBJECTS
