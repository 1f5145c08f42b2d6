"""Steps that are short are told from others beforehand."""

from hypothesis import given
from hypothesis import strategies as st

from app.serving.pace import Durations


@given(st.floats(1e-5, 0.1), st.floats(1e-6, 1e-2), st.lists(st.integers(1, 64), min_size=300, max_size=300))
def test_steps_of_known_cost_are_told_apart(fixed_s: float, each_s: float, sizes: list[int]) -> None:
    """Whatever the sizes were, a step of a usual size is judged by what such steps took."""
    usual = 4
    took_s = fixed_s + each_s * usual
    for short_s, expected in ((2 * took_s, True), (took_s / 2, False)):
        durations = Durations(short_s)
        for size in [*sizes, *[usual] * 300]:
            durations.note("model", size, fixed_s + each_s * size)
        assert durations.are_short("model", usual) is expected


def test_of_an_unknown_model_no_step_is_short() -> None:
    durations = Durations(1.0)
    assert not durations.are_short("old", 1)
    durations.note("old", 1, 0.001)
    assert durations.are_short("old", 1)
    assert not durations.are_short("new", 1)
