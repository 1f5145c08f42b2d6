"""Columns come back as they went in, and take the room they are meant to."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from app.stores.record_columns import pack_names, pack_times, unpack_names, unpack_times

HOUR = 3_600_000
SIX_BITS = st.text("abcXYZ019_-", max_size=30)
ANY = st.text(st.characters(exclude_categories=()), max_size=300)


@given(st.lists(SIX_BITS, max_size=60) | st.lists(ANY, max_size=10) | st.lists(SIX_BITS | ANY, max_size=10))
def test_names_come_back(names: list[str]) -> None:
    assert unpack_names(pack_names(names)) == names


@given(st.lists(st.integers(0, 2**40) | st.integers(0, 10**6), max_size=60), st.booleans())
def test_times_come_back(times: list[int], ordered: bool) -> None:
    given = sorted(times) if ordered else times
    assert unpack_times(*pack_times(given), len(given)) == given


def test_names_of_64_signs_take_six_bits_a_sign() -> None:
    _, _, bits = pack_names([f"{number:012d}" for number in range(50)])
    assert len(bits) == 50 * 12 * 6 // 8


def test_long_names_are_deflated() -> None:
    names = [str(uuid.UUID(int=number << 100)) for number in range(50)]
    assert len(pack_names(names)) < 50 * 36 * 6 // 8
    assert unpack_names(pack_names(names)) == names


def test_a_long_pause_does_not_widen_the_others() -> None:
    even = [240_000 * number for number in range(50)]
    _, digits, steps, exceptions = pack_times(even)
    assert (digits, len(steps), exceptions) == (1, 125, [])
    _, digits, steps, exceptions = pack_times([*even[:30], *(time + 10 * HOUR for time in even[30:])])
    assert (digits, len(steps), exceptions) == (1, 125, [30, 10 * HOUR + 240_000])
