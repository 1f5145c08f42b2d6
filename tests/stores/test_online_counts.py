"""Tallies of several workers in a real server: they add up, and come back by label."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.online import Tally
from app.errors import SessionStoreUnavailable
from app.stores.embedded import EmbeddedServer
from app.stores.exchange import Exchange
from app.stores.online_counts import OnlineCounts

pytestmark = pytest.mark.anyio
ONE = Tally(plays=2, hits=1, reciprocal=0.25, log_loss=6.5, offered=1, skipped=1)


@pytest.fixture
async def counts(tmp_path: Path) -> AsyncIterator[OnlineCounts]:
    with EmbeddedServer(tmp_path) as server:
        opened = OnlineCounts(Exchange.connect(server.url, timeout_s=5.0))
        yield opened
        await opened.aclose()


async def test_tallies_add_up_by_label_and_bucket(counts: OnlineCounts) -> None:
    await counts.add({("a", "stable", "b", 3): ONE, ("a", "stable", "-", 3): ONE, ("b", "canary", "a", 0): ONE})
    await counts.add({("a", "stable", "b", 3): ONE, ("a", "stable", "b", 60): ONE})
    alone, beside = await counts.arms("a")
    assert (alone.label, alone.beside, alone.tallies) == ("stable", "-", {3: ONE})
    assert beside.tallies == {3: ONE + ONE, 60: ONE}
    assert beside.total == ONE + ONE + ONE
    assert [arm.label for arm in await counts.arms("b")] == ["canary"]


async def test_of_what_was_never_judged_there_is_nothing(counts: OnlineCounts) -> None:
    assert await counts.arms("nobody") == []
    await counts.add({})


async def test_a_server_that_is_away_is_an_outage(tmp_path: Path) -> None:
    away = OnlineCounts(Exchange.connect(f"unix://{tmp_path}/nobody.sock", timeout_s=0.3))
    with pytest.raises(SessionStoreUnavailable):
        await away.add({("a", "stable", "-", 1): ONE})
    await away.aclose()
