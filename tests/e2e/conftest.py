"""A model store and a data folder for services started by the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.stores.checkpoints import CheckpointStore
from tests.e2e.service import Service
from tests.serving.conftest import promoted


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointStore:
    """A model store with one promoted checkpoint."""
    return promoted(tmp_path / "model_store")


@pytest.fixture
def service(checkpoints: CheckpointStore, tmp_path: Path) -> Iterator[Service]:
    """Two workers and a session store of their own."""
    with Service(checkpoints.root, tmp_path / "data", workers=2) as running:
        yield running
