"""The examples of the OpenAPI work as they stand."""

from typing import Any

import httpx
import pytest

from app.web.examples import listeners, listening

REQUESTS = [
    pytest.param(path, body, id=f"{path} {name}")
    for path, named in (
        ("/v1/next", listening.NEXT_REQUESTS),
        ("/v1/events", listening.EVENTS_REQUESTS),
        ("/v1/playlists", listening.PLAYLIST_REQUESTS),
        ("/v1/listeners/ann/reset", listeners.RESET_REQUESTS),
        ("/v1/listeners/ann/merge", listeners.MERGE_REQUESTS),
    )
    for name, body in named.items()
]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_every_request_example_is_answered(service: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """By the real service, with tracks of the catalogue that ships."""
    response = service.post(path, json=body)
    assert response.status_code == 200, response.text
    assert "unknown_track" not in response.text.replace("unknown_tracks", "")


@pytest.mark.parametrize("body", listeners.BLOCKS_REQUESTS.values(), ids=listeners.BLOCKS_REQUESTS)
def test_every_example_of_blocks_is_answered(service: httpx.Client, body: dict[str, Any]) -> None:
    """Set, and gone again."""
    response = service.put("/v1/listeners/ann/blocks", json=body)
    assert response.status_code == 200, response.text
    assert service.delete("/v1/listeners/ann/blocks").status_code == 200
