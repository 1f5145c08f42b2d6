"""A walk that others are faster than: the event is kept, or nothing is, and it always ends."""

import asyncio
import time
import uuid
from collections.abc import Sequence

import pytest

from app.domain.event_log import LogEntry
from app.domain.events import Outcome
from app.domain.recommendation import Ask
from app.domain.session import ListenerSession, SessionLimits
from app.errors import SessionConflict
from app.serving.tries import FIRST_PAUSE_S, MANY
from app.serving.walks import FULL_WALKS
from app.stores.checkpoints import CheckpointStore
from app.stores.session_store import SessionStore
from tests.serving.conftest import Worker, event, opened, replayed, someone
from tests.serving.rivals import RivalledStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no crowd to make room for, only one that is always faster."""
    monkeypatch.setattr("app.serving.tries.LONGEST_PAUSE_S", FIRST_PAUSE_S)


class ContendedStore(RivalledStore):
    """Beside a device of the same listener that plays something first."""

    def faster(self, expected: ListenerSession) -> ListenerSession:
        play = event(expected.listener_id, 40 + self.rivals % 10)
        session, _ = expected.after(play, known=True, now=time.time(), limits=SessionLimits(recent_tracks=12))
        return session


async def contended(worker: Worker, rivals: int) -> str:
    """Return a listener with one track, at whom `rivals` commits will be faster."""
    ann = someone()
    await worker.recommender.observe(ann, [event(ann, 1)], Ask(limit=1))
    assert isinstance(worker.sessions, ContendedStore)
    worker.sessions.rivals = rivals
    return ann


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("rivals", [1, FULL_WALKS, FULL_WALKS + MANY - 1])
async def test_an_event_is_kept_however_often_others_are_faster(
    checkpoints: CheckpointStore, session_server: str, rivals: int
) -> None:
    """And the answer follows all that was heard; so does the state, once it is read."""
    async with opened(checkpoints, session_server, store=ContendedStore) as worker:
        ann = await contended(worker, rivals)
        answer = await worker.recommender.observe(ann, [event(ann, 2)], Ask(limit=60))
        session = await worker.listeners.show(ann)
        again = await worker.recommender.observe(ann, [], Ask(limit=60))
    assert answer.receipts[0].outcome is Outcome.APPLIED
    assert answer.seq == session.seq == rivals + 2
    assert (session.recent[-1].track_id, session.unread) == ("t2", 0)
    assert session.hidden == replayed(checkpoints, session)
    assert again.tracks == answer.tracks


@pytest.mark.usefixtures("short_pauses")
async def test_a_walk_that_is_lost_again_and_again_ends_and_applies_nothing(
    checkpoints: CheckpointStore, session_server: str
) -> None:
    """The caller is told, and the same event can be sent again."""
    async with opened(checkpoints, session_server, store=ContendedStore) as worker:
        ann = await contended(worker, FULL_WALKS + MANY)
        play = event(ann, 2)
        with pytest.raises(SessionConflict, match=f"{FULL_WALKS + MANY} times in a row. Nothing was applied"):
            await worker.recommender.observe(ann, [play], Ask(limit=1))
        assert "t2" not in {heard.track_id for heard in (await worker.listeners.show(ann)).recent}
        answer = await worker.recommender.observe(ann, [play], Ask(limit=1))
    assert answer.receipts[0].outcome is Outcome.APPLIED


async def test_a_ranking_does_not_wait_for_the_cache(checkpoints: CheckpointStore, session_server: str) -> None:
    """Asked for no event, what was read is the answer, whoever was faster to store something."""
    async with opened(checkpoints, session_server, store=ContendedStore) as worker:
        ann = await contended(worker, 0)
        await worker.listeners.reset(ann, keep_recent=True)  # a state to be read anew, so that there is a cache to keep
        assert isinstance(worker.sessions, ContendedStore)
        worker.sessions.rivals = 2
        answer = await worker.recommender.observe(ann, [], Ask(limit=3))
        assert worker.sessions.rivals == 1
    assert (answer.seq, len(answer.tracks)) == (2, 3)


async def test_a_session_that_expires_between_load_and_commit_begins_anew(
    checkpoints: CheckpointStore, session_server: str
) -> None:
    """The event is kept in a new session, not in the one that is gone."""

    class ExpiringStore(SessionStore):
        """The real store, in which a session expires just before it is written."""

        async def commit(
            self, session: ListenerSession, *, expected: ListenerSession, entries: Sequence[LogEntry] = ()
        ) -> None:
            if expected.seq == 1 and expected.recent[0].track_id == "t1":
                await self.delete(session.listener_id)
            await super().commit(session, expected=expected, entries=entries)

    async with opened(checkpoints, session_server, store=ExpiringStore) as worker:
        ann = someone()
        await worker.recommender.observe(ann, [event(ann, 1)], Ask(limit=1))
        before = await worker.listeners.show(ann)
        answer = await worker.recommender.observe(ann, [event(ann, 2)], Ask(limit=1))
        after = await worker.listeners.show(ann)
    assert (answer.seq, answer.receipts[0].outcome) == (1, Outcome.APPLIED)
    assert after.advancing == ("t2",)
    assert after.incarnation != before.incarnation
    assert after.hidden == replayed(checkpoints, after)


@pytest.mark.parametrize("workers", [1, pytest.param(4, marks=pytest.mark.long)])
async def test_two_hundred_events_at_once_end_with_the_state_of_their_order(
    checkpoints: CheckpointStore, session_server: str, workers: int
) -> None:
    """Seq 200, each seq given once, the newest tracks stored in that order, the state theirs to the bit."""
    ann = someone()
    async with (
        opened(checkpoints, session_server) as one,
        opened(checkpoints, session_server) as two,
        opened(checkpoints, session_server) as three,
        opened(checkpoints, session_server) as four,
    ):
        at_work = (one, two, three, four)[:workers]
        plays = [event(ann, number % 50) for number in range(200)]
        answers = await asyncio.gather(
            *(
                at_work[number % workers].recommender.observe(ann, [play], Ask(limit=1))
                for number, play in enumerate(plays)
            )
        )
        session = await one.listeners.show(ann)
    assert {answer.receipts[0].outcome for answer in answers} == {Outcome.APPLIED}
    assert sorted(answer.seq for answer in answers) == list(range(1, 201))
    in_order = sorted(zip(answers, plays, strict=True), key=lambda one: one[0].seq)
    newest = [play.track_id for _, play in in_order][-len(session.recent) :]
    assert (session.seq, [heard.track_id for heard in session.recent]) == (200, newest)
    assert session.hidden == replayed(checkpoints, session)


async def test_a_batch_of_a_thousand_events_is_one_commit_a_listener(worker: Worker) -> None:
    """Of many listeners and of one: each session is written once, and the same request again changes nothing."""
    commits = 0

    class CountingStore(type(worker.sessions)):  # type: ignore[misc]
        async def commit(self, *args: object, **named: object) -> None:
            nonlocal commits
            commits += 1
            await super().commit(*args, **named)

    worker.sessions.__class__ = CountingStore
    crowd = [someone() for _ in range(300)]
    events = [event(crowd[number % 300], number % 50) for number in range(700)]
    ann = someone()
    events += [event(ann, number % 50) for number in range(300)]
    receipts = await worker.recommender.record(events)
    assert {receipt.outcome for receipt in receipts} == {Outcome.APPLIED}
    assert [receipt.event_id for receipt in receipts] == [one.event_id for one in events]
    assert commits == 301
    again = await worker.recommender.record(events)
    assert {receipt.outcome for receipt in again} == {Outcome.DUPLICATE}
    assert commits == 301
    assert (await worker.listeners.show(ann)).seq == 300


async def test_two_devices_at_once_are_both_remembered_in_the_order_of_seq(
    checkpoints: CheckpointStore, session_server: str
) -> None:
    """One listener, two devices, two workers: one order, which every answer states."""
    ann = someone()
    now = time.time()
    async with opened(checkpoints, session_server) as phone, opened(checkpoints, session_server) as car:
        plays = [event(ann, row, at=now - row) for row in range(10)]  # the later sent says that it was earlier
        answers = await asyncio.gather(
            *(
                (phone, car)[number % 2].recommender.observe(ann, [play], Ask(limit=1))
                for number, play in enumerate(plays)
            )
        )
        session = await phone.listeners.show(ann)
    order = [play.track_id for _, play in sorted(zip(answers, plays, strict=True), key=lambda one: one[0].seq)]
    assert [heard.track_id for heard in session.recent] == order
    assert session.seq == 10


async def test_another_name_for_the_same_request_is_not_needed(worker: Worker) -> None:
    """Repeated, a request is told the same each time: what was taken in is a duplicate, seq stands."""
    ann = someone()
    events = [event(ann, 1), event(ann, str(uuid.uuid4())), event(ann, 2)]
    first = await worker.recommender.record(events)
    second, third = await worker.recommender.record(events), await worker.recommender.record(events)
    assert [receipt.outcome.value for receipt in first] == ["applied", "unknown_track", "applied"]
    assert second == third
    assert {receipt.seq for receipt in second} == {3}
