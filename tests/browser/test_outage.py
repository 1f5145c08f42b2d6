"""The server is killed and comes back while the player is open."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.players import Player
from tests.e2e.service import Service

pytestmark = [pytest.mark.long, pytest.mark.faults]


@pytest.fixture
def service(model_store: Path, tmp_path: Path) -> Iterator[Service]:
    """A service to be hurt."""
    with Service(model_store, tmp_path / "data") as running:
        yield running


@pytest.fixture
def page(chromium: Browser, service: Service) -> Iterator[Page]:
    """A page of that service; that nobody answers for a while is told on its console, too."""
    with chromium.new_context(base_url=str(service.http.base_url), reduced_motion="reduce") as context:
        context.set_default_timeout(30_000)
        yield context.new_page()


def test_the_music_goes_on_while_the_server_is_away(page: Page, service: Service) -> None:
    """The page says so, plays what was ranked before, and tells the server afterwards what it missed."""
    resumed: list[str | None] = []
    page.on(
        "request", lambda asked: resumed.append(asked.headers.get("last-event-id")) if "/stream" in asked.url else None
    )
    player = Player(page)
    first = player.start("bohemian")
    player.set("adventure", 0)
    # The stream told something, so that it can go on from there.
    service.played(player.listener_id, "queen-bohemian-rhapsody")
    page.wait_for_timeout(500)
    service.kill()
    expect(player.notice).to_contain_text("The server does not answer")

    player.button("Skip").click()
    second = player.wait_for_other(first)
    player.button("Skip").click()
    third = player.wait_for_other(second)
    assert len({first, second, third}) == 3

    service.start()
    expect(player.notice).to_have_text(re.compile(r"The server is back, and was told of \d things it missed\."))
    expect(player.notice).to_be_hidden()
    told = service.http.get(f"/v1/listeners/{player.listener_id}").json()
    found = {service.http.get(f"/v1/tracks/{heard['track_id']}").json()["title"] for heard in told["recent"]}
    assert {second, third} <= found
    assert [resumed[0], bool(resumed[-1])] == [None, True]
    # And it goes on as if nothing had been.
    player.button("Skip").click()
    player.wait_for_other(third)
    expect(player.rows.first).to_be_visible()


def test_a_page_that_comes_up_without_a_server_behind_it_says_so(page: Page, service: Service) -> None:
    """It was open in another tab, or comes from the browser's memory."""
    player = Player(page)
    service.kill()
    page.get_by_role("combobox").first.press_sequentially("queen")
    expect(page.get_by_role("status").filter(has_text="was tried 4 times")).to_have_count(1)
    service.start()
    page.get_by_role("combobox").first.fill("")
    player.start("queen")
