"""How often somebody may ask: the quota at once, then at its pace, over all who share the file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stores.rates import SLOTS, SharedRates


@pytest.fixture
def rates(tmp_path: Path) -> Iterator[SharedRates]:
    opened = SharedRates(tmp_path / "rates")
    yield opened
    opened.close()


def test_the_quota_may_come_at_once_and_no_more(rates: SharedRates) -> None:
    left = [rates.take("app", 5, 60, now=1000.0) for _ in range(6)]
    assert [one.remaining for one in left] == [4, 3, 2, 1, 0, 0]
    assert [one.reset_s for one in left] == [12, 24, 36, 48, 60, 60]
    assert [one.wait_s for one in left] == [0, 0, 0, 0, 0, 12]


def test_after_the_wait_one_more_is_allowed(rates: SharedRates) -> None:
    for _ in range(5):
        rates.take("app", 5, 60, now=1000.0)
    assert rates.take("app", 5, 60, now=1011.9).wait_s == 1
    assert rates.take("app", 5, 60, now=1012.0).wait_s == 0
    assert rates.take("app", 5, 60, now=1012.0).wait_s == 12


def test_askers_are_counted_apart_and_workers_together(rates: SharedRates, tmp_path: Path) -> None:
    other_worker = SharedRates(tmp_path / "rates")
    assert rates.take("app", 2, 60, now=5.0).remaining == 1
    assert other_worker.take("app", 2, 60, now=5.0).remaining == 0
    assert rates.take("app", 2, 60, now=5.0).wait_s == 30
    assert rates.take("radio", 2, 60, now=5.0).wait_s == 0
    other_worker.close()


@pytest.mark.parametrize(
    "content", [b"\xff" * 8, b"\x00\x00\x00\x00\x00\x00\xf0\x7f", b"\x00\x00\x00\x00\x00\x00\x00\x45"]
)
def test_what_another_boot_left_in_the_file_locks_nobody_out(tmp_path: Path, content: bytes) -> None:
    """NaN, infinity, a time far ahead."""
    (tmp_path / "rates").write_bytes(content * SLOTS)
    rates = SharedRates(tmp_path / "rates")
    assert rates.take("app", 2, 60, now=5.0).remaining == 1
    rates.close()


@settings(max_examples=50)
@given(st.integers(1, 20), st.integers(1, 60), st.lists(st.floats(0, 3), max_size=80))
def test_no_window_holds_more_than_twice_the_quota(quota: int, window_s: int, pauses: list[float]) -> None:
    """What may come at once, and what has been paid for meanwhile."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        rates = SharedRates(Path(folder) / "rates")
        now, allowed = 50.0, []
        for pause in pauses:
            now += pause
            if not rates.take("app", quota, window_s, now=now).wait_s:
                allowed.append(now)
        rates.close()
    for at in allowed:
        assert sum(at <= other < at + window_s for other in allowed) <= 2 * quota
