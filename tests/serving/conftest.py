"""A published checkpoint of a small network and a real session store, for the walk."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time

import pytest
import torch

from app.domain.catalogue import Catalogue, Track
from app.domain.events import EventKind, ListenerEvent
from app.domain.ranking import StepRequest
from app.domain.session import ListenerSession, SessionLimits, StampedHidden
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.serving.engine import Engine
from app.serving.judging import Judge
from app.serving.listeners import Listeners
from app.serving.recommender import Recommender
from app.serving.reloader import Reloader
from app.serving.turns import Turns
from app.stores.answers import KeptAnswers
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.stores.event_streams import EventStreams
from app.stores.exchange import Exchange
from app.stores.listener_log import ListenerLog
from app.stores.session_store import SessionStore

V = 60
LIMITS = SessionLimits(recent_tracks=12)
TITLES = [f"Song {row}" for row in range(V)]


def small_catalogue() -> Catalogue:
    """Sixty tracks of ten artists; the last is another release of the first."""
    tracks = [Track(f"t{row}", title, f"Artist {row % 10}") for row, title in enumerate(TITLES)]
    tracks[-1] = Track(f"t{V - 1}", "Song 0 - 2011 Remaster", "Artist 0")
    return Catalogue(tracks)


def draft(seed: int, rnn_kind: str = "gru") -> CheckpointDraft:
    """A checkpoint with weights drawn from a seed: what it ranks is arbitrary but fixed."""
    return draft_of(NetworkConfig(rnn_kind, V, hidden_size=16, embedding_size=8, skip_input=True), seed)


def draft_of(config: NetworkConfig, seed: int) -> CheckpointDraft:
    """An untrained network over the small catalogue, its weights drawn from a seed."""
    torch.manual_seed(seed)
    return CheckpointDraft(
        network=RecurrentNetwork(config).eval(),
        catalogue=small_catalogue(),
        training={},
        data={},
        metrics={},
        baselines={},
        verdict=Verdict(True, "for tests"),
        probe=(1, 2, 3),
    )


def promoted(root: Path) -> CheckpointStore:
    """Return a model store with one checkpoint, which is stable."""
    store = CheckpointStore(root)
    store.promote("stable", store.publish(draft(1)).checkpoint_id)
    return store


@pytest.fixture(scope="session")
def session_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server that ends with the tests."""
    with EmbeddedServer(tmp_path_factory.mktemp("sessions")) as server:
        yield server.url


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointStore:
    """A model store with one promoted checkpoint."""
    return promoted(tmp_path / "model_store")


@dataclass(frozen=True)
class Worker:
    """What answers listeners in one worker process."""

    recommender: Recommender
    listeners: Listeners
    reloader: Reloader
    sessions: SessionStore


@asynccontextmanager
async def opened(
    checkpoints: CheckpointStore,
    url: str,
    *,
    clock: Callable[[], float] = time,
    store: type[SessionStore] = SessionStore,
    judge: Judge | None = None,
) -> AsyncIterator[Worker]:
    """Open one worker; opening two over one URL is having two workers."""
    sessions = store.connect(url, ttl_s=600, timeout_s=10.0)
    exchange = Exchange.connect(url, timeout_s=10.0)
    streams = EventStreams(exchange)
    turns = Turns()
    try:
        async with (
            Reloader(checkpoints, interval_s=0.05) as reloader,
            # A machine full of tests stands still for a second now and then; what is tested here is not that.
            Engine(batch_size=8, batch_wait_us=0, queue_size=1000, patience_s=30.0) as engine,
        ):
            yield Worker(
                Recommender(reloader, engine, sessions, LIMITS, turns, clock, judge),
                Listeners(
                    sessions,
                    ListenerLog(streams, checkpoints.root.parent / "events"),
                    LIMITS,
                    turns,
                    KeptAnswers(exchange, kept_s=600),
                    clock,
                ),
                reloader,
                sessions,
            )
    finally:
        await streams.aclose()
        await sessions.aclose()


@pytest.fixture
async def worker(checkpoints: CheckpointStore, session_server: str) -> AsyncIterator[Worker]:
    """One worker."""
    async with opened(checkpoints, session_server) as one:
        yield one


@pytest.fixture
def recommender(worker: Worker) -> Recommender:
    """One worker's recommender."""
    return worker.recommender


@pytest.fixture
def listeners(worker: Worker) -> Listeners:
    """What its listeners may ask of their own data."""
    return worker.listeners


def someone() -> str:
    """Return a listener nobody has heard of."""
    return f"listener-{uuid.uuid4().hex}"


def event(
    listener_id: str, track: int | str, kind: EventKind = EventKind.PLAYED, at: float | None = None
) -> ListenerEvent:
    """Report one event, of a track by its row or id; now, where no time is given."""
    track_id = track if isinstance(track, str) else f"t{track}"
    return ListenerEvent(uuid.uuid4().hex, listener_id, kind, track_id, time() if at is None else at)


def replayed(checkpoints: CheckpointStore, session: ListenerSession) -> StampedHidden:
    """Return the state that the checkpoint of the stored state reaches by reading what is stored, in one go."""
    assert session.hidden is not None
    predictor = checkpoints.load(session.hidden.checkpoint_id)
    read = session.advancing[: len(session.advancing) - session.unread]
    tracks = tuple(int(track_id[1:]) for track_id in read)
    return predictor.step([StepRequest(None, tracks, tracks, frozenset(), 0)])[0].hidden
