import pytest

from app.dataset.folder import Sessions
from app.demo.catalogue import demo_catalogue
from app.demo.dataset import demo_sessions
from app.domain.catalogue import Catalogue


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return demo_catalogue()


@pytest.fixture(scope="session")
def sessions(catalogue: Catalogue) -> Sessions:
    """A quarter of the demo: enough to count in."""
    return demo_sessions(catalogue, sessions=4_000)
