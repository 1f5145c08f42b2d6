"""examples/radio.html plays, served from where Segue answers, as a proxy in front of both does."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.service import Service

EXAMPLE = Path(__file__).parents[2] / "examples" / "radio.html"


def test_the_radio_in_a_page_plays(page: Page, site: Service) -> None:
    """And shows what another device made of the list."""
    page.route("**/radio.html", lambda route: route.fulfill(body=EXAMPLE.read_text(), content_type="text/html"))
    page.goto("/radio.html")
    page.get_by_role("searchbox", name="Song").fill("bohemian rapsody")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Bohemian Rhapsody, Queen")
    expect(page.locator("li")).to_have_count(5)
    best = page.locator("li").first.inner_text()
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("h1")).not_to_have_text("Bohemian Rhapsody, Queen")
    site.played("radio-in-a-page", "led-zeppelin-stairway-to-heaven")
    expect(page.locator("ol")).not_to_contain_text(best)
