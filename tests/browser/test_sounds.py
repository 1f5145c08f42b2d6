"""The player with sounds: it plays them, and is silent where there is none."""

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.players import Player
from tests.e2e.service import Service

pytestmark = pytest.mark.long


def silence(seconds: float) -> bytes:
    """A WAV file in which nothing is heard."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * int(8000 * seconds))
    return file.getvalue()


@pytest.fixture(scope="module")
def service(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose operator said where sounds are."""
    home = tmp_path_factory.mktemp("sounds")
    with Service(model_store, home / "data", audio_url="/sounds/{track_id}.wav") as running:
        yield running


@pytest.fixture
def page(chromium: Browser, service: Service) -> Iterator[Page]:
    """A page of that service; a proxy in front of it has the sounds of one band."""

    def sound(route: Route) -> None:
        if "queen-" in route.request.url:
            route.fulfill(status=200, body=silence(2.0), content_type="audio/wav")
        else:
            route.fulfill(status=404, body="")

    with chromium.new_context(base_url=str(service.http.base_url), reduced_motion="reduce") as context:
        context.set_default_timeout(30_000)
        context.route("**/sounds/*", sound)
        yield context.new_page()


def test_a_sound_is_played_to_its_end_and_the_next_begins(page: Page) -> None:
    """The length is that of the sound, whatever the catalogue says."""
    player = Player(page)
    first = player.start("bohemian")
    expect(page.locator("#length")).to_have_text("0:02")
    player.wait_for_other(first)


def test_a_track_without_a_sound_is_listened_to_in_silence(page: Page) -> None:
    player = Player(page)
    player.start("stairway")
    player.set("speed", 6)
    player.wait_for_other("Stairway to Heaven")
