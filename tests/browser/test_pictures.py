"""The pictures of the player in the docs, taken where somebody asks for them: `make pictures`.

PICTURES_FROM names a model store whose stable checkpoint is shown.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.players import Player
from tests.e2e.service import Service

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
STORE = os.environ.get("PICTURES_FROM")
MOST_BYTES = 200_000

# They write into docs/: a run of the tests must leave the tree as it was.
pytestmark = [pytest.mark.long, pytest.mark.skipif(STORE is None, reason="nobody asked for pictures: make pictures")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of the model to be shown."""
    with Service(Path(str(STORE)).resolve(), tmp_path_factory.mktemp("pictures") / "data") as running:
        yield running


@pytest.mark.parametrize(
    ("name", "scheme", "width", "height", "travels"),
    [
        ("player-light", "light", 1360, 1000, None),
        ("player-dark", "dark", 1360, 1000, "jazz"),
        ("player-phone", "light", 390, 1100, None),
    ],
)
def test_the_player_has_its_picture_taken(
    chromium: Browser, service: Service, name: str, scheme: str, width: int, height: int, travels: str | None
) -> None:
    """After six tracks of one station, paused, with what is liked and why."""
    with chromium.new_context(
        base_url=str(service.http.base_url),
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    ) as context:
        player = Player(context.new_page(), "/#seed=tag:alternative&adventure=30&gap=2")
        expect(player.rows.first).to_be_visible()
        player.set("speed", 0)
        for _ in range(5):
            title = player.playing()
            player.until("document.querySelector('.is-next') !== null")
            player.page.get_by_label("Position").press("End")
            player.wait_for_other(title)
            expect(player.rows.filter(has_text=title)).to_have_count(0)
        if travels is not None:
            player.find(travels, "Where it ends").filter(has_text="Tag").first.click()
            expect(player.page.locator("#next-says")).to_contain_text("tracks to")
        player.button("Pause").click()
        player.button("Like").click()
        player.button("Why this?").click()
        expect(player.page.locator("#why-says")).to_contain_text(" ")
        player.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        player.page.mouse.move(0, 0)
        keep(name, player.page.screenshot())


def keep(name: str, taken: bytes) -> None:
    """Write a picture in 256 colours, rare ones too: enough for a page, and a third of the bytes."""
    file = FOLDER / f"{name}.png"
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(
        256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    ).save(file, optimize=True)
    assert file.stat().st_size < MOST_BYTES
