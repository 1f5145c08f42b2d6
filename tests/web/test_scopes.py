"""Which scope a call needs, path by path: also for paths that do not exist."""

import pytest

from app.domain.api_keys import Scope
from app.web.scopes import is_operation, needed

EVENTS, RECOMMEND, ADMIN = Scope.EVENTS, Scope.RECOMMEND, Scope.ADMIN


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/next", RECOMMEND),
        ("POST", "/v1/events", EVENTS),
        ("POST", "/v1/playlists", RECOMMEND),
        ("GET", "/v1/live", RECOMMEND),
        ("GET", "/v1/tracks", RECOMMEND),
        ("GET", "/v1/tracks/a/b", RECOMMEND),
        ("GET", "/v1/listeners/ann", RECOMMEND),
        ("GET", "/v1/listeners/ann/stream", RECOMMEND),
        ("HEAD", "/v1/listeners/ann/export", RECOMMEND),
        ("DELETE", "/v1/listeners/ann", EVENTS),
        ("PUT", "/v1/listeners/ann/blocks", EVENTS),
        ("POST", "/v1/listeners/ann/merge", EVENTS),
        ("OPTIONS", "/v1/listeners/ann", EVENTS),
        ("GET", "/v1/models", ADMIN),
        ("GET", "/v1/models/stable/map", RECOMMEND),
        ("GET", "/v1/models/stable/map/x", ADMIN),
        ("PUT", "/v1/models/labels/stable", ADMIN),
        ("GET", "/v1/models/stable/online", ADMIN),
        ("POST", "/v1/admin/tracks", ADMIN),
        ("GET", "/v1/next/", ADMIN),
        ("GET", "/v1/tracksuits", ADMIN),
        ("GET", "/v1/nobody-thought-of-it", ADMIN),
        ("GET", "/metrics", None),
        ("GET", "/openapi.json", None),
        ("GET", "/problems/not_json", None),
        ("GET", "//v1/admin/tracks", None),
        ("GET", "/V1/models", None),
        ("GET", "/", None),
    ],
)
def test_every_path_has_its_scope(method: str, path: str, scope: Scope | None) -> None:
    """What the table does not know needs `admin` below /v1, and any key elsewhere, where there is nothing."""
    assert needed(method, path) is scope


@pytest.mark.parametrize("path", ["/metrics", "/v1/models", "/v1/models/labels", "/v1/admin/tracks"])
def test_the_operators_port_has_what_is_the_operators(path: str) -> None:
    assert is_operation("GET", path)


@pytest.mark.parametrize("path", ["/v1/next", "/v1/live", "/v1/listeners/ann/stream", "/problems/not_json"])
def test_the_other_port_has_the_rest(path: str) -> None:
    assert not is_operation("GET", path)
