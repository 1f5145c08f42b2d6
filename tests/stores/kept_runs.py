"""What the tests of training runs' records share: a server of a module's own, and an empty one for each test."""

from collections.abc import Iterator

import pytest
from redis import Redis

from app.stores.embedded import EmbeddedServer
from app.stores.training_runs import TrainingRuns, connect_runs


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server is."""
    with EmbeddedServer(tmp_path_factory.mktemp("runs")) as server:
        yield server.url


@pytest.fixture
def redis(url: str) -> Iterator[Redis]:
    """A connection to the server, which holds nothing yet."""
    connection = connect_runs(url, 5.0)
    connection.flushdb()
    yield connection
    connection.close()


@pytest.fixture
def runs(redis: Redis) -> TrainingRuns:
    """The runs that are kept there."""
    return TrainingRuns(redis)
