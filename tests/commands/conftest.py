"""A server of each module's own, for what commands keep in Redis."""

from collections.abc import Iterator

import pytest

from app.stores.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that ends with the module."""
    with EmbeddedServer(tmp_path_factory.mktemp("runs")) as server:
        yield server.url
