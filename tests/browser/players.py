"""The player as tests work it: by its words, as a person or a screen reader finds them."""

import re
from time import monotonic

from playwright.sync_api import Locator, Page, expect

# A machine may have more to do than this test.
WAIT_S = 20.0


class Player:
    """The player page in one tab."""

    def __init__(self, page: Page, address: str = "/") -> None:
        self.page = page
        page.goto(address)
        self.title = page.locator("#title")
        self.notice = page.locator("#notice")
        self.rows = page.locator("#tracks > li")

    def button(self, name: str) -> Locator:
        """The button of this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def find(self, text: str, label: str = "Play a song, an artist, a tag") -> Locator:
        """Type into a search and return the options it finds."""
        self.page.get_by_role("combobox", name=label).press_sequentially(text)
        options = self.page.get_by_role("listbox", name=label).get_by_role("option")
        expect(options.first).to_be_visible()
        return options

    def start(self, text: str) -> str:
        """Play the first that is found, in real time; return its title."""
        self.set("speed", 0)
        self.find(text).first.click()
        expect(self.title).not_to_be_empty()
        expect(self.rows.first).to_be_visible()
        return self.playing()

    def set(self, dial: str, value: int) -> None:
        """Turn a dial, as the arrow keys do."""
        self.page.locator(f"#{dial}").evaluate(
            """(dial, value) => {
                dial.value = value;
                dial.dispatchEvent(new Event("input"));
                dial.dispatchEvent(new Event("change"));
            }""",
            value,
        )

    def playing(self) -> str:
        """The title that plays."""
        return self.title.inner_text()

    def wait_for_other(self, title: str) -> str:
        """Wait until another title plays; return it."""
        expect(self.title).not_to_have_text(title)
        return self.playing()

    def shown(self) -> list[tuple[str, float]]:
        """Up next: titles with how wide their bars are, in percent of the widest."""
        found: list[tuple[str, float]] = self.rows.evaluate_all(
            """rows => rows.map(row => [
                row.querySelector(".row-title").textContent,
                parseFloat(row.querySelector(".bar-now").style.width),
            ])"""
        )
        return [(title, width) for title, width in found]

    def wait_for_other_bars(self, before: list[tuple[str, float]]) -> None:
        """Wait until the bars, or the tracks they are of, are others."""
        deadline = monotonic() + WAIT_S
        while self.shown() == before:
            assert monotonic() < deadline, f"the bars never moved: {before}"
            self.page.wait_for_timeout(50)

    @property
    def listener_id(self) -> str:
        """The listener of this browser."""
        found: str = self.page.evaluate("localStorage.getItem('segue-player')")
        return found

    def until(self, condition: str) -> None:
        """Wait until a line of JavaScript is true in the page, whose policy lets nobody wait inside of it."""
        deadline = monotonic() + WAIT_S
        while not self.page.evaluate(condition):
            assert monotonic() < deadline, f"never came true: {condition}"
            self.page.wait_for_timeout(50)

    def wait_for_fragment(self, pattern: str) -> None:
        """Wait until the page's address tells the station."""
        expect(self.page).to_have_url(re.compile(pattern))
