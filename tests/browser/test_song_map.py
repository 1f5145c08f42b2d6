"""The song map by pointer: what is shown is where the service says it is, zoomed or dragged, and a click plays it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import hypot
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, Page, expect

from app.domain.catalogue import Catalogue, Track
from app.domain.song_map import MOST_POINTS
from app.rnn.network import NetworkConfig
from app.stores.checkpoints import CheckpointStore
from tests.browser.conftest import Seen
from tests.browser.players import Player
from tests.e2e.service import Service
from tests.serving.conftest import draft_of

GENRES = ("rock", "soul", "jazz", "techno", "folk", "dub")
# The canvas leaves this much free around the plane, and a pointer finds what is as near.
EDGE_PX = REACH_PX = 14


@dataclass(frozen=True)
class Sight:
    """The part of the map that is seen: where on the page, around which place, how large."""

    left: float
    top: float
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0

    @classmethod
    def of(cls, page: Page) -> Self:
        """What a page shows that nobody has touched."""
        canvas = page.get_by_role("img", name="Song map")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        return cls(box["x"], box["y"], box["width"], box["height"])

    def place(self, point: dict[str, Any]) -> tuple[float, float]:
        """Where on the page a point is."""
        half_x, half_y = self.width / 2, self.height / 2
        return (
            self.left + half_x + (point["x"] - self.x) * self.zoom * (half_x - EDGE_PX),
            self.top + half_y + (point["y"] - self.y) * self.zoom * (half_y - EDGE_PX),
        )

    def alone(self, points: list[dict[str, Any]], margin_px: float) -> dict[str, Any]:
        """Return a point with no other so near that a pointer could mean it, well inside of what is seen."""
        places = [self.place(point) for point in points]
        for point, (x, y) in zip(points, places, strict=True):
            inside_x = self.left + margin_px < x < self.left + self.width - margin_px
            inside_y = self.top + margin_px < y < self.top + self.height - margin_px
            near = sum(hypot(x - other_x, y - other_y) < REACH_PX for other_x, other_y in places)
            if inside_x and inside_y and near == 1:
                return point
        raise AssertionError("no point is by itself")


def points_of(site: Service) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = site.http.get("/v1/models/stable/map").json()["points"]
    return points


def opened(page: Page) -> Player:
    """The player with its map drawn."""
    player = Player(page)
    expect(page.locator("#map-says")).to_contain_text("near means alike")
    return player


def test_what_is_pointed_at_is_named_and_a_click_plays_it(page: Page, site: Service) -> None:
    """The left button does; the right one asks the browser for its menu."""
    player = opened(page)
    sight, points = Sight.of(page), points_of(site)
    point = sight.alone(points, 40)
    page.mouse.move(*sight.place(point))
    expect(page.locator("#map-word")).to_contain_text(f"{point['title']} · {point['artist']}")
    page.mouse.click(*sight.place(point), button="right")
    page.mouse.move(sight.left + 1, sight.top + 1)
    expect(page.locator("#map-word")).to_be_hidden()
    expect(player.title).to_be_empty()
    page.mouse.click(*sight.place(point))
    expect(player.title).to_have_text(point["title"])
    expect(page.get_by_role("img", name="Song map")).to_have_accessible_name(
        f"Song map. The way so far: {point['title']}"
    )


def test_buttons_zoom_and_a_drag_moves_what_is_under_the_pointer(page: Page, site: Service) -> None:
    """A point that is dragged stays under the pointer; nothing plays for it."""
    player = opened(page)
    sight, points = Sight.of(page), points_of(site)
    for _ in range(2):
        player.button("Zoom in").click()
    closer = replace(sight, zoom=1.6**2)
    point = closer.alone(points, 120)
    x, y = closer.place(point)
    page.mouse.move(x, y)
    expect(page.locator("#map-word")).to_contain_text(point["title"])
    to_x, to_y = (x + (60 if x < sight.left + sight.width / 2 else -60)), y + 50
    page.mouse.down()
    page.mouse.move((x + to_x) / 2, (y + to_y) / 2)
    page.mouse.move(to_x, to_y)
    page.mouse.up()
    page.mouse.move(to_x + 1, to_y)
    expect(page.locator("#map-word")).to_contain_text(point["title"])
    expect(player.title).to_be_empty()
    page.mouse.click(to_x, to_y)
    expect(player.title).to_have_text(point["title"])


def test_the_wheel_zooms_where_the_pointer_is_and_only_when_asked(page: Page, site: Service) -> None:
    """With Ctrl, as on other maps; without it the page scrolls. What is under the pointer stays there."""
    opened(page)
    sight, points = Sight.of(page), points_of(site)
    point = sight.alone(points, 40)
    x, y = sight.place(point)
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    for _ in range(3):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    # Others have moved away: at some distance nothing is under the pointer any more but this.
    page.mouse.move(x + 2, y)
    expect(page.locator("#map-word")).to_contain_text(point["title"])
    closer = replace(sight, zoom=1.2**3)
    moved = replace(closer, x=point["x"] * (1 - 1 / 1.2**3), y=point["y"] * (1 - 1 / 1.2**3))
    other = moved.alone([one for one in points if one is not point], 40)
    page.mouse.move(*moved.place(other))
    expect(page.locator("#map-word")).to_contain_text(other["title"])


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of as many tracks as a map may hold."""
    tracks = [
        Track(f"t{row}", f"Song {row}", f"Artist {row % 997}", genre=GENRES[row % len(GENRES)])
        for row in range(MOST_POINTS)
    ]
    drawn = draft_of(NetworkConfig("gru", MOST_POINTS, hidden_size=16, embedding_size=8, skip_input=True), 1)
    home = tmp_path_factory.mktemp("crowded")
    store = CheckpointStore(home / "model_store")
    store.promote("stable", store.publish(replace(drawn, catalogue=Catalogue(tracks))).checkpoint_id)
    with Service(store.root, home / "data") as service:
        yield service


@pytest.mark.long
@pytest.mark.timeout(240)
def test_twenty_thousand_points_are_drawn_and_answer(chromium: Browser, crowded: Service) -> None:
    """All of them on one canvas: named, zoomed, dragged and clicked like a few."""
    seen = Seen(str(crowded.http.base_url))
    with chromium.new_context(base_url=str(crowded.http.base_url), reduced_motion="reduce") as context:
        context.set_default_timeout(40_000)
        page = context.new_page()
        seen.watch(page)
        player = opened(page)
        expect(page.locator("#map-says")).to_have_text("20,000 tracks; near means alike")
        inked = "() => new Set(document.querySelector('#map').getContext('2d')" + (
            ".getImageData(0, 0, 400, 300).data.filter((_, at) => at % 4 === 3)).size"
        )
        assert page.evaluate(inked) > 1, "nothing is drawn"
        sight = Sight.of(page)
        points = crowded.http.get("/v1/models/stable/map", params={"limit": MOST_POINTS}).json()["points"]
        assert len(points) == MOST_POINTS
        for _ in range(5):
            player.button("Zoom in").click()
        point = replace(sight, zoom=1.6**5).alone(points, 40)
        x, y = replace(sight, zoom=1.6**5).place(point)
        page.mouse.move(x, y)
        expect(page.locator("#map-word")).to_contain_text(point["title"])
        page.mouse.down()
        page.mouse.move(x + 20, y + 20)
        page.mouse.up()
        page.mouse.click(x + 20, y + 20)
        expect(player.title).to_have_text(point["title"])
        expect(player.rows.first).to_be_visible()
    assert (seen.errors, seen.strangers) == ([], [])
