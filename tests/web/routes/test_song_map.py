"""GET /v1/models/{id}/map: a bounded map of any checkpoint's tracks."""

import httpx
import pytest

from tests.web.conftest import some_catalogue


def test_the_map_of_what_serves(service: httpx.Client) -> None:
    """Under a label or an id; every track once, on the map."""
    answer = service.get("/v1/models/stable/map")
    assert answer.status_code == 200
    told = answer.json()
    assert told["checkpoint_id"] == answer.headers["x-model-version"]
    assert {point["track_id"] for point in told["points"]} == {track.track_id for track in some_catalogue()}
    assert len(told["points"]) == told["tracks"]
    assert all(-1 <= point[axis] <= 1 for point in told["points"] for axis in "xy")
    assert service.get(f"/v1/models/{told['checkpoint_id']}/map").json() == told


def test_fewer_points_are_the_most_popular(service: httpx.Client) -> None:
    every = service.get("/v1/models/stable/map").json()
    few = service.get("/v1/models/stable/map", params={"limit": 3}).json()
    assert few["points"] == every["points"][:3]
    assert few["tracks"] == every["tracks"]


@pytest.mark.parametrize(("path", "status"), [("nobody/map", 404), ("stable/map?limit=20001", 422)])
def test_what_there_is_no_map_of(service: httpx.Client, path: str, status: int) -> None:
    assert service.get(f"/v1/models/{path}").status_code == status
