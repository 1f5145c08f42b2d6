"""What listeners may ask of their own data: it happens once, whoever else is busy with them, and survives any crash."""

import asyncio

import pytest

from app.domain.blocks import Block
from app.domain.recommendation import Ask
from app.domain.session import ListenerSession
from app.errors import InvalidRequest, SessionConflict, UnknownListener
from app.serving.listeners import Listeners
from app.serving.recommender import Recommender
from app.serving.tries import FIRST_PAUSE_S, MANY
from app.stores.checkpoints import CheckpointStore
from app.stores.session_store import SessionStore
from tests.serving.conftest import Worker, event, opened, replayed, someone
from tests.serving.rivals import RivalledStore

pytestmark = pytest.mark.anyio


class Killed(Exception):
    """The process ends here."""


class KilledStore(SessionStore):
    """The real store of a process that is killed before it deletes anything."""

    async def delete(self, *_args: object, **_named: object) -> bool:
        raise Killed


class BusyStore(RivalledStore):
    """Beside a request that resets the listener first."""

    def faster(self, expected: ListenerSession) -> ListenerSession:
        return expected.forgetting(keep_recent=True, now=1.0)


async def played(recommender: Recommender, *rows: int) -> str:
    name = someone()
    for row in rows:
        await recommender.observe(name, [event(name, row)], Ask(limit=0))
    return name


@pytest.mark.parametrize("went_on", [False, True])
async def test_a_merge_that_was_killed_is_brought_to_its_end(
    worker: Worker, checkpoints: CheckpointStore, session_server: str, went_on: bool
) -> None:
    """The target holds all of it, the source is still there: the same request takes nothing twice and loses nothing."""
    ann, bob = await played(worker.recommender, 1), await played(worker.recommender, 2, 3)
    async with opened(checkpoints, session_server, store=KilledStore) as doomed:
        with pytest.raises(Killed):
            await doomed.listeners.merge(bob, ann)
    rows = [1, 2, 3]
    if went_on:
        await worker.recommender.observe(bob, [event(bob, 4)], Ask(limit=0))
        rows.append(4)
    await worker.recommender.observe(ann, [event(ann, 5)], Ask(limit=0))
    rows = [*rows, 5]
    session = await worker.listeners.merge(bob, ann)
    assert session.advancing == tuple(f"t{row}" for row in rows)
    with pytest.raises(UnknownListener):
        await worker.listeners.show(bob)
    assert await worker.listeners.merge(bob, ann) == session
    await worker.recommender.observe(ann, [], Ask(limit=1))
    read = await worker.listeners.show(ann)
    assert read.hidden == replayed(checkpoints, read)


async def test_what_the_source_hears_during_a_merge_is_not_lost(
    worker: Worker, checkpoints: CheckpointStore, session_server: str
) -> None:
    """It is deleted only as it was taken in."""

    class ListeningStore(SessionStore):
        """The real store, in which the source hears one more track just before it is deleted."""

        heard_more = False

        async def delete(
            self, listener_id: str, *, expected: ListenerSession | None = None, merged_into: str | None = None
        ) -> bool:
            if not self.heard_more:
                self.heard_more = True
                await worker.recommender.observe(listener_id, [event(listener_id, 7)], Ask(limit=0))
            return await super().delete(listener_id, expected=expected, merged_into=merged_into)

    ann, bob = await played(worker.recommender, 1), await played(worker.recommender, 2)
    async with opened(checkpoints, session_server, store=ListeningStore) as merging:
        session = await merging.listeners.merge(bob, ann)
    assert session.advancing == ("t1", "t2", "t7")
    with pytest.raises(UnknownListener):
        await worker.listeners.show(bob)


async def test_a_merge_into_somebody_new_and_with_nobody(worker: Worker) -> None:
    bob, ann = await played(worker.recommender, 2), someone()
    assert (await worker.listeners.merge(bob, ann)).advancing == ("t2",)
    assert (await worker.listeners.merge(someone(), ann)).advancing == ("t2",)
    with pytest.raises(UnknownListener):
        await worker.listeners.merge(bob, someone())
    with pytest.raises(InvalidRequest, match="and itself"):
        await worker.listeners.merge(ann, ann)


async def test_two_who_merge_into_each_other_both_end(worker: Worker) -> None:
    """One takes in the other, and what both heard is with one of them."""
    ann, bob = await played(worker.recommender, 1), await played(worker.recommender, 2)
    async with asyncio.timeout(5):
        await asyncio.gather(worker.listeners.merge(ann, bob), worker.listeners.merge(bob, ann), return_exceptions=True)
    left = [await worker.sessions.load(name) for name in (ann, bob)]
    assert sorted(len(session.recent) for session in left) == [0, 2]


@pytest.mark.parametrize("rivals", [1, MANY - 1, MANY])
async def test_a_change_is_made_on_top_of_what_others_changed(
    checkpoints: CheckpointStore, session_server: str, rivals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or, when others are always faster, not at all."""
    monkeypatch.setattr("app.serving.tries.LONGEST_PAUSE_S", FIRST_PAUSE_S)
    async with opened(checkpoints, session_server, store=BusyStore) as worker:
        ann = await played(worker.recommender, 1)
        assert isinstance(worker.sessions, BusyStore)
        worker.sessions.rivals = rivals
        if rivals < MANY:
            blocked = await worker.listeners.block(ann, [Block("t9")], [])
            assert (blocked.seq, blocked.blocked_tracks) == (rivals + 2, (Block("t9"),))
        else:
            with pytest.raises(SessionConflict, match="Nothing was changed"):
                await worker.listeners.block(ann, [Block("t9")], [])
            assert (await worker.listeners.show(ann)).blocked_tracks == ()


async def test_changes_and_events_at_once_are_all_kept(
    worker: Worker, checkpoints: CheckpointStore, session_server: str
) -> None:
    """Of two workers: every event, every block, one seq for each."""
    ann = someone()
    async with opened(checkpoints, session_server) as other:
        await asyncio.gather(
            *(worker.recommender.observe(ann, [event(ann, row)], Ask(limit=1)) for row in range(10)),
            *(other.listeners.block(ann, [Block(f"t{row}")], [Block(f"Artist {row}")]) for row in range(20, 30)),
        )
    session = await worker.listeners.show(ann)
    assert session.seq == 20
    assert {heard.track_id for heard in session.recent} == {f"t{row}" for row in range(10)}
    assert {block.what for block in session.blocked_tracks} == {f"t{row}" for row in range(20, 30)}


async def test_of_nobody_there_is_nothing_to_reset_or_lift(listeners: Listeners) -> None:
    for change in (listeners.reset(someone(), keep_recent=True), listeners.unblock(someone(), [], [])):
        with pytest.raises(UnknownListener):
            await change
