"""The real application behind a real server: a network trained on the spot, a real session store, real sockets."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from uuid import uuid4

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI

from app.dataset.folder import Sessions, write_dataset
from app.demo.catalogue import demo_catalogue
from app.domain.catalogue import Catalogue, Track
from app.main import create_app
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.manifest import Verdict
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.stores.embedded import EmbeddedServer
from app.trainer.recipe import Recipe
from app.trainer.training import train

ARTISTS = ("Queen", "Led Zeppelin", "Pink Floyd")
# What a path and a header must survive: a slash, a space, letters of several scripts, a percent sign.
AWKWARD = Track("söng/1 100%", "Jóga & <b>戦場</b>", "Björk")


def some_catalogue() -> Catalogue:
    """A few artists of the catalogue that ships, and an awkward one."""
    return Catalogue([*(track for track in demo_catalogue() if track.artist in ARTISTS), AWKWARD])


def some_sessions(tracks: int) -> Sessions:
    """Sessions that mostly go on to the next row."""
    chance = random.Random(1)
    starts = [chance.randrange(tracks) for _ in range(300)]
    walks = [[(start + step + chance.choice((0, 0, 0, 2))) % tracks for step in range(8)] for start in starts]
    return Sessions(
        np.concatenate([np.array(walk, np.int32) for walk in walks]),
        np.arange(len(walks) + 1, dtype=np.int64) * 8,
        np.arange(len(walks) * 8, dtype=np.int64) + 1_700_000_000,
    )


@pytest.fixture(scope="session")
def model_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one promoted checkpoint that was really trained, and a rejected one."""
    home = tmp_path_factory.mktemp("web")
    catalogue = some_catalogue()
    dataset = write_dataset(home / "dataset", catalogue, some_sessions(len(catalogue)), {})
    trained = train(dataset, Recipe(hidden_size=16, embedding_size=16, epochs=2), home / "run")
    store = CheckpointStore(home / "model_store")
    for verdict in (Verdict(False, "does not beat Markov"), Verdict(True, "beats popularity and Markov")):
        published = store.publish(
            CheckpointDraft(
                network=trained.network,
                catalogue=catalogue,
                training=trained.summary(),
                data={"fingerprint": dataset.fingerprint, "sessions": len(dataset.sessions)},
                metrics={"recall@20": 0.5},
                baselines={"popularity": {"recall@20": 0.1}},
                verdict=verdict,
                probe=(0, 1, 2),
            )
        )
        if verdict.accepted:
            store.promote("stable", published.checkpoint_id)
    return store.root


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A session store of our own."""
    with EmbeddedServer(tmp_path_factory.mktemp("sessions")) as server:
        yield server.url


@contextmanager
def served(app: FastAPI, port: int = 0) -> Iterator[httpx.Client]:
    """Serve an application on a free port of this machine, as `segue serve` does, and end it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=5)
    )
    thread = Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        deadline = monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the server ended at start"
            assert monotonic() < deadline, "the server did not start in time"
            sleep(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=20.0) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


@pytest.fixture(scope="session")
def service(model_store: Path, store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the whole service."""
    data_dir = tmp_path_factory.mktemp("data")
    settings = Settings(model_store=model_store, data_dir=data_dir, redis_url=store_url, reload_interval_s=60.0)
    with served(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="session")
def service_without_store(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service whose session store is away."""
    data_dir = tmp_path_factory.mktemp("data")
    away = f"unix://{data_dir}/nobody-listens.sock"
    settings = Settings(model_store=model_store, data_dir=data_dir, redis_url=away, redis_timeout_s=0.3)
    with served(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="session")
def service_without_model(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service that nobody has published anything for."""
    data_dir = tmp_path_factory.mktemp("data")
    settings = Settings(model_store=data_dir / "model_store", data_dir=data_dir, redis_url=store_url)
    with served(create_app(settings)) as client:
        yield client


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def listener_id() -> str:
    """A listener no other test uses; the store is shared."""
    return f"listener {uuid4()}"
