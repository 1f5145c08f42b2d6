"""The player by keyboard alone, and what is said to whoever listens to a screen reader."""

from playwright.sync_api import Page, expect

from tests.browser.players import Player


def focused(page: Page) -> str:
    """The accessible name of what has the focus."""
    name: str = page.evaluate(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
    )
    return name


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus, as somebody does who cannot point."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"no way to {name!r} by Tab")


def test_a_session_without_a_pointer(page: Page) -> None:
    player = Player(page)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to what is playing"
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name="Play a song, an artist, a tag")
    expect(search).to_be_focused()
    page.keyboard.type("led zepp")
    expect(search).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator(f"#{search.get_attribute('aria-activedescendant')}")
    expect(chosen).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(player.title).not_to_be_empty()
    expect(page.locator("#artist")).to_have_text("Led Zeppelin")
    player.set("speed", 0)
    live = page.locator("[aria-live]").filter(has=player.title)
    expect(live).to_have_attribute("aria-atomic", "true")

    tab_to(page, "Pause")
    page.keyboard.press("Space")
    expect(player.button("Play")).to_be_focused()
    page.keyboard.press("Space")
    first = player.playing()
    tab_to(page, "Skip")
    page.keyboard.press("Enter")
    player.wait_for_other(first)
    expect(page.get_by_role("img", name="Song map")).to_have_accessible_name(
        f"Song map. The way so far: {first}, then {player.playing()}"
    )

    page.get_by_label("Adventure").focus()
    page.keyboard.press("Home")
    expect(page.get_by_label("Adventure")).to_have_attribute("aria-valuetext", "always the most probable")
    page.keyboard.press("ArrowRight")
    player.wait_for_fragment("adventure=5")


def test_escape_closes_what_was_found_and_then_empties_the_field(page: Page) -> None:
    player = Player(page)
    player.find("queen")
    search = page.get_by_role("combobox").first
    page.keyboard.press("Escape")
    expect(search).to_have_attribute("aria-expanded", "false")
    expect(search).to_have_value("queen")
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
