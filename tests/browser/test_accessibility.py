"""What axe finds wrong: nothing, in light and dark, on a desk and in a hand (WCAG 2.1 A and AA)."""

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.players import Player

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


def faults(page: Page) -> list[str]:
    """Return what axe objects to, with the elements."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary']}" for fault in found for node in fault["nodes"]
    ]


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        pytest.param("light", 1360, id="light, on a desk"),
        pytest.param("dark", 390, id="dark, in a hand", marks=pytest.mark.long),
    ],
)
def test_axe_finds_nothing(page: Page, scheme: Literal["light", "dark"], width: int) -> None:
    """Before anything plays, while searching, and with everything open."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    player = Player(page)
    expect(page.locator("#starts button").first).to_be_visible()
    assert faults(page) == []
    player.find("queen")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    player.start("stairway")
    player.button("Why this?").click()
    player.rows.first.get_by_role("button").last.click()
    player.find("queen", "Where it ends").first.click()
    expect(page.locator("#to")).to_be_visible()
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it has to be pushed sideways"


def test_light_and_dark_are_a_choice_that_stays(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    Player(page)
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
