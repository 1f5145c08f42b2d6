"""The law of the session, held against drawn histories of real workers, a real session store and trained networks.

After every step: the stored state is the replay of the stored tracks under the checkpoint that stamped it, to the bit;
nothing excluded was suggested; seq only grew; nothing of who was forgotten is left.
"""

import asyncio
import random
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis import Redis

from app.dataset.folder import Sessions, write_dataset
from app.domain.blocks import Block
from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.merging import merged
from app.domain.playlist import PlaylistAsk
from app.domain.recommendation import Ask, Recommendation
from app.errors import UnknownListener
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.rnn.predictor import Predictor
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.stores.keys import session_key
from app.trainer.recipe import Recipe
from app.trainer.training import train
from tests.serving.conftest import LIMITS, V, Worker, opened, small_catalogue
from tests.serving.law import Expected, demand_no_trace, demand_replay, replay

T = TypeVar("T")

START = 1_800_000_000.0
LISTENERS = st.integers(0, 2)
WORKERS = st.integers(0, 1)
TRACKS = st.sampled_from([*(f"t{row}" for row in range(0, V, 4)), "t0", f"t{V - 1}", "unheard-of"])
KINDS = st.sampled_from([*EventKind, EventKind.PLAYED, EventKind.PLAYED, EventKind.FINISHED])
GAP = LIMITS.idle_gap_s
AHEAD = st.sampled_from([0.0, 1.0, 60.0, 200.0, 200.0, GAP - 0.001, GAP, GAP + 0.001, 90_000.0])
LAG = st.sampled_from([0.0, 0.0, 0.0, 59.999, 60.001, 3600.0, -30.0, -240.0, -1e6])
JUMP = st.sampled_from([-86_400.0, -61.0, 400.0, 86_400.0])
UNTIL = st.none() | st.sampled_from([0.5, 120.0, 4000.0])
EVENTS = st.tuples(KINDS, TRACKS, LAG)


class Histories(RuleBasedStateMachine):
    """Three listeners, two workers, two checkpoints, one clock that does not always go forward."""

    def __init__(self, url: str, checkpoints: CheckpointStore, predictors: dict[str, Predictor]) -> None:
        super().__init__()
        self.url = url
        self.checkpoints = checkpoints
        self.predictors = predictors
        self.now = START
        self.loop = asyncio.Runner()
        self.redis = Redis.from_url(url)
        self.stacks: list[AsyncExitStack] = []
        self.workers: list[Worker] = []
        self.names = [f"listener-{uuid4().hex}" for _ in range(3)]
        self.expected = {name: Expected() for name in self.names}
        self.gone: set[str] = set()
        self.sent: list[ListenerEvent] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    async def open_worker(self) -> tuple[AsyncExitStack, Worker]:
        stack = AsyncExitStack()
        return stack, await stack.enter_async_context(opened(self.checkpoints, self.url, clock=lambda: self.now))

    @initialize()
    def open(self) -> None:
        for _ in range(2):
            stack, worker = self.do(self.open_worker())
            self.stacks.append(stack)
            self.workers.append(worker)

    def teardown(self) -> None:
        for stack in self.stacks:
            self.do(stack.aclose())
        self.redis.flushdb()
        self.redis.close()
        self.loop.close()

    def event(self, name: str, kind: EventKind, track_id: str, lag: float) -> ListenerEvent:
        event = ListenerEvent(uuid4().hex, name, kind, track_id, self.now - lag)
        self.sent.append(event)
        return event

    def heard(self, event: ListenerEvent, worker: int, limit: int) -> Recommendation:
        """Send one event and hold the answer against what may be suggested."""
        name = event.listener_id
        answer = self.do(self.workers[worker].recommender.observe(name, [event], Ask(limit=limit)))
        self.expected[name].taken_in(event, answer.receipts[0], self.now)
        self.gone.discard(name)
        session = self.do(self.workers[worker].sessions.load(name))
        assert (answer.seq, session.unread, answer.degraded) == (session.seq, 0, ())
        assert session.hidden == replay(self.predictors[answer.checkpoint_id], session.advancing)
        self.demand_nothing_barred(name, [ranked.track.track_id for ranked in answer.tracks])
        return answer

    def demand_nothing_barred(self, name: str, suggested: list[str]) -> None:
        session = self.do(self.workers[0].sessions.load(name))
        barred = self.expected[name].barred(session, self.workers[0].reloader.current.predictor.catalogue, self.now)
        assert not barred & set(suggested)

    @rule(listener=LISTENERS, worker=WORKERS, event=EVENTS, ahead=AHEAD, limit=st.sampled_from([0, 5, V]))
    def listen(self, listener: int, worker: int, event: tuple[EventKind, str, float], ahead: float, limit: int) -> None:
        self.now += ahead
        self.heard(self.event(self.names[listener], *event), worker, limit)

    @rule(worker=WORKERS, back=st.integers(0, 9))
    def retry(self, worker: int, back: int) -> None:
        """Known to the session or, where that was forgotten, an event like any other; again, it is a duplicate."""
        if back < len(self.sent):
            event = self.sent[-1 - back]
            seq = self.heard(event, worker, 5).seq
            again = self.heard(event, 1 - worker, 5)
            assert (again.receipts[0].outcome, again.seq) == (Outcome.DUPLICATE, seq)

    @rule(events=st.lists(st.tuples(LISTENERS, EVENTS), min_size=1, max_size=20), worker=WORKERS)
    def record(self, events: list[tuple[int, tuple[EventKind, str, float]]], worker: int) -> None:
        sent = [self.event(self.names[listener], *event) for listener, event in events]
        receipts = self.do(self.workers[worker].recommender.record(sent))
        for event, receipt in zip(sent, receipts, strict=True):
            assert receipt.event_id == event.event_id
            self.expected[event.listener_id].taken_in(event, receipt, self.now)
            self.gone.discard(event.listener_id)

    @rule(listener=LISTENERS, events=st.lists(EVENTS, min_size=2, max_size=6))
    def two_devices(self, listener: int, events: list[tuple[EventKind, str, float]]) -> None:
        """All at once, through both workers: each is kept, in the order of the seqs they are told."""
        name = self.names[listener]
        before = self.do(self.workers[0].sessions.load(name)).seq
        sent = [self.event(name, *event) for event in events]

        async def at_once() -> list[Recommendation]:
            return await asyncio.gather(
                *(
                    self.workers[number % 2].recommender.observe(name, [event], Ask(limit=1))
                    for number, event in enumerate(sent)
                )
            )

        answers = self.do(at_once())
        assert sorted(answer.seq for answer in answers) == list(range(before + 1, before + 1 + len(sent)))
        for event, answer in sorted(zip(sent, answers, strict=True), key=lambda one: one[1].seq):
            self.expected[name].taken_in(event, answer.receipts[0], self.now)
        self.gone.discard(name)

    @rule(listener=LISTENERS, worker=WORKERS)
    def ask(self, listener: int, worker: int) -> None:
        name = self.names[listener]
        answer = self.do(self.workers[worker].recommender.observe(name, [], Ask(limit=V)))
        self.demand_nothing_barred(name, [ranked.track.track_id for ranked in answer.tracks])
        playlist = self.do(self.workers[worker].recommender.playlist(PlaylistAsk(length=3, listener_id=name)))
        self.demand_nothing_barred(name, [ranked.track.track_id for ranked in playlist.tracks])

    @rule(listener=LISTENERS, worker=WORKERS, keep_recent=st.booleans())
    def reset(self, listener: int, worker: int, keep_recent: bool) -> None:
        name = self.names[listener]
        try:
            session = self.do(self.workers[worker].listeners.reset(name, keep_recent=keep_recent))
        except UnknownListener:
            return
        assert session.seq == self.expected[name].seq + 1
        assert (session.advancing, session.hidden) == ((), None)
        assert keep_recent or session.recent == ()

    @rule(listener=LISTENERS, worker=WORKERS, track=TRACKS, artist=st.integers(0, 9), until=UNTIL)
    def block(self, listener: int, worker: int, track: str, artist: int, until: float | None) -> None:
        name, end = self.names[listener], None if until is None else self.now + until
        blocked = self.workers[worker].listeners.block(name, [Block(track, end)], [Block(f"ARTIST {artist}", end)])
        session = self.do(blocked)
        self.gone.discard(name)
        self.expected[name].blocked(track, f"artist {artist}", end, self.now)
        assert {block.what: block.end for block in session.blocked_tracks} == self.expected[name].tracks
        assert {block.what.casefold(): block.end for block in session.blocked_artists} == self.expected[name].artists
        self.ask(listener, worker)

    @rule(listener=LISTENERS, worker=WORKERS)
    def unblock(self, listener: int, worker: int) -> None:
        name = self.names[listener]
        try:
            session = self.do(self.workers[worker].listeners.unblock(name, [], []))
        except UnknownListener:
            return
        assert (session.blocked_tracks, session.blocked_artists) == ((), ())
        self.expected[name].tracks, self.expected[name].artists = {}, {}

    @rule(source=LISTENERS, into=LISTENERS, worker=WORKERS, killed=st.booleans())
    def merge(self, source: int, into: int, worker: int, killed: bool) -> None:
        """Also where the first to try was killed between the two keys, and the source went on or not."""
        if source == into:
            return
        ann, bob = self.names[into], self.names[source]
        at_work = self.workers[worker]
        if killed:
            mine, theirs = self.do(at_work.sessions.load_many([ann, bob]))
            if not theirs.is_new:
                both = merged(mine, theirs, now=self.now, limits=LIMITS)
                self.do(at_work.sessions.commit(both, expected=mine))
                self.heard(self.event(bob, EventKind.PLAYED, "t8", 0.0), worker, 0)
        try:
            session = self.do(at_work.listeners.merge(bob, ann))
        except UnknownListener:
            return
        known = [(heard.track_id, heard.at, heard.kind) for heard in session.recent]
        assert [at for _, at, _ in known] == sorted(at for _, at, _ in known)
        assert self.do(at_work.listeners.merge(bob, ann)) == session
        if self.expected[bob].incarnation is not None and bob not in self.gone:
            self.expected[ann].united(self.expected[bob], self.now)
        self.expected[bob] = Expected()
        self.gone.add(bob)
        self.gone.discard(ann)

    @rule(listener=LISTENERS, worker=WORKERS)
    def forget(self, listener: int, worker: int) -> None:
        name = self.names[listener]
        self.do(self.workers[worker].listeners.forget(name))
        self.expected[name] = Expected()
        self.gone.add(name)

    @rule(listener=LISTENERS)
    def expire(self, listener: int) -> None:
        """As the store does it by itself after the session's lifetime."""
        name = self.names[listener]
        self.redis.pexpireat(session_key(name), 1)
        self.expected[name] = Expected()
        self.gone.add(name)

    @rule(number=st.integers(0, 1))
    def swap(self, number: int) -> None:
        self.checkpoints.promote("stable", list(self.predictors)[number])
        for worker in self.workers:
            self.do(worker.reloader.follow_once())

    @rule(worker=WORKERS)
    def restart(self, worker: int) -> None:
        self.do(self.stacks[worker].aclose())
        self.stacks[worker], self.workers[worker] = self.do(self.open_worker())

    @rule(jump=JUMP)
    def set_clock(self, jump: float) -> None:
        self.now += jump

    @invariant()
    def law_stands(self) -> None:
        if not self.workers:
            return
        for session in self.do(self.workers[0].sessions.load_many(self.names)):
            demand_replay(session, self.predictors)
            if not session.is_new:
                assert session.listener_id not in self.gone
                self.expected[session.listener_id].grown(session)
        for name in self.gone:
            demand_no_trace(self.redis, name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[CheckpointStore, dict[str, Predictor]]:
    """Two checkpoints of different kinds, each trained on listening that mostly goes on to the next track."""
    home = tmp_path_factory.mktemp("law")
    chance = random.Random(1)
    walks = [[(start + chance.choice((0, 1, 1, 2)) * step) % V for step in range(8)] for start in range(120)]
    sessions = Sessions(
        np.concatenate([np.array(walk, np.int32) for walk in walks]),
        np.arange(len(walks) + 1, dtype=np.int64) * 8,
        np.arange(len(walks) * 8, dtype=np.int64) + 1_700_000_000,
    )
    dataset = write_dataset(home / "dataset", small_catalogue(), sessions, {})
    store, predictors = CheckpointStore(home / "model_store"), {}
    for rnn_kind in ("gru", "lstm"):
        recipe = Recipe(rnn_kind=rnn_kind, hidden_size=12, embedding_size=8, epochs=1)
        network = train(dataset, recipe, home / rnn_kind).network
        draft = CheckpointDraft(network, small_catalogue(), {}, {}, {}, {}, Verdict(True, "for tests"), (0, 1, 2))
        checkpoint_id = store.publish(draft).checkpoint_id
        predictors[checkpoint_id] = store.load(checkpoint_id)
    store.promote("stable", next(iter(predictors)))
    return store, predictors


@pytest.fixture(scope="module")
def law_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A session store of its own, to be looked through after every step."""
    with EmbeddedServer(tmp_path_factory.mktemp("law-sessions")) as server:
        yield server.url


@pytest.mark.timeout(600)  # a history that breaks it is made as short as can be, which takes a while
def test_the_law_stands_after_every_step_of_any_history(
    trained: tuple[CheckpointStore, dict[str, Predictor]], law_server: str
) -> None:
    checkpoints, predictors = trained

    class TheseHistories(Histories):
        def __init__(self) -> None:
            super().__init__(law_server, checkpoints, predictors)

    run_state_machine_as_test(
        TheseHistories,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
