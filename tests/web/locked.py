"""A service that wants a key of everybody, and the key to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

from app.domain.api_keys import Scope, new_key
from app.stores.api_keys import ApiKeyFile
from tests.e2e.service import Service


@contextmanager
def locked_service(model_store: Path, data_dir: Path) -> Iterator[tuple[Service, dict[str, str]]]:
    """Start one whose callers may ask for anything, as often as they like, with these headers."""
    key, secret = new_key("schemathesis", Scope, now=time())
    ApiKeyFile(data_dir / "api_keys.json").change(lambda ring: ring.adding(key, time()))
    with Service(model_store, data_dir, admin_requests_per_minute="100000") as service:
        yield service, {"Authorization": f"Bearer {secret}"}
