"""Adding tracks while listeners are answered, and two who add at once."""

import asyncio

import pytest

from app.domain.catalogue import Track
from app.domain.recommendation import Ask
from app.errors import LabelConflict
from app.serving.cataloguing import Cataloguing
from app.stores.checkpoints import CheckpointStore
from tests.serving.conftest import V, opened

pytestmark = pytest.mark.anyio


def track(name: str) -> Track:
    return Track(name, name.title(), "Artist 3")


async def test_listeners_are_answered_while_tracks_are_added(checkpoints: CheckpointStore, session_server: str) -> None:
    """By the checkpoint that was there, until the new one is promoted and loaded."""
    async with opened(checkpoints, session_server) as worker:
        adding = asyncio.create_task(Cataloguing(checkpoints).add([track("new")], to="stable", promote=False))
        answers = 0
        while not adding.done():
            assert (await worker.recommender.recommend(Ask(limit=3, recent=("t1",)))).pool_before == V
            answers += 1
        added = await adding
    assert answers > 1
    assert added.catalogue_size == V + 1
    assert added.labels == checkpoints.labels()


async def test_one_addition_waits_for_another(checkpoints: CheckpointStore) -> None:
    """Promoted one after the other, the second holds the tracks of the first."""
    cataloguing = Cataloguing(checkpoints)
    first, second = await asyncio.gather(
        cataloguing.add([track("one")], to="stable", promote=True),
        cataloguing.add([track("two")], to="stable", promote=True),
    )
    assert second.added_to == first.checkpoint_id
    assert second.catalogue_size == V + 2
    assert checkpoints.labels().stable == second.checkpoint_id


async def test_two_workers_that_promote_at_once_do_not_lose_tracks(checkpoints: CheckpointStore) -> None:
    """One of them is told that somebody else was first."""
    results = await asyncio.gather(
        Cataloguing(checkpoints).add([track("one")], to="stable", promote=True),
        Cataloguing(checkpoints).add([track("two")], to="stable", promote=True),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) in (["Addition", "LabelConflict"], ["Addition"] * 2)
    served = checkpoints.load("stable").catalogue
    for result, name in zip(results, ("one", "two"), strict=True):
        assert (served.index_of(name) is None) == isinstance(result, LabelConflict)
