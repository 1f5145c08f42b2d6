"""A published checkpoint of a small network and a real session store, for the walk."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import torch

from app.domain.catalogue import Catalogue, Track
from app.domain.session import SessionLimits
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.rnn.network import NetworkConfig, RecurrentNetwork
from app.serving.engine import Engine
from app.serving.recommender import Recommender
from app.serving.reloader import Reloader
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.stores.labels import promote
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
    torch.manual_seed(seed)
    network = RecurrentNetwork(NetworkConfig(rnn_kind, V, hidden_size=16, embedding_size=8, skip_input=True)).eval()
    return CheckpointDraft(
        network=network,
        catalogue=small_catalogue(),
        training={},
        data={},
        metrics={},
        baselines={},
        verdict=Verdict(True, "for tests"),
        probe=(1, 2, 3),
    )


@pytest.fixture(scope="session")
def session_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server that ends with the tests."""
    with EmbeddedServer(tmp_path_factory.mktemp("sessions")) as server:
        yield server.url


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointStore:
    """A model store with one promoted checkpoint."""
    store = CheckpointStore(tmp_path / "model_store")
    promote(store.root, "stable", store.publish(draft(1)).checkpoint_id)
    return store


@asynccontextmanager
async def opened(checkpoints: CheckpointStore, url: str) -> AsyncIterator[Recommender]:
    """Open one worker's recommender; opening two over one URL is having two workers."""
    sessions = SessionStore.connect(url, ttl_s=600, timeout_s=2.0)
    async with (
        Reloader(checkpoints, interval_s=0.05) as reloader,
        Engine(batch_size=8, batch_wait_us=0, queue_size=1000) as engine,
    ):
        yield Recommender(reloader, engine, sessions, LIMITS)
    await sessions.aclose()


@pytest.fixture
async def recommender(checkpoints: CheckpointStore, session_server: str) -> AsyncIterator[Recommender]:
    """One worker's recommender."""
    async with opened(checkpoints, session_server) as one:
        yield one
