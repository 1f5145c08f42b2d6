"""A whole listening session in the player, as a person has it."""

import re
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect

from app.formats.columns import Layout
from app.formats.m3u import read_m3u
from app.formats.source import SourceFile
from app.formats.xspf import read_xspf
from tests.browser.players import Player
from tests.e2e.service import Service
from tests.web.conftest import AWKWARD


def test_a_listening_session(page: Page, site: Service) -> None:
    """Search with a typo, listen, skip, like, hear a track to its end, block an artist, and ask why."""
    player = Player(page)
    assert player.start("bohemian rapsody") == "Bohemian Rhapsody"
    player.set("adventure", 0)
    before = player.shown()
    assert [width for _, width in before] == sorted((width for _, width in before), reverse=True)
    expect(player.rows.first.get_by_role("button").first).to_have_accessible_name(re.compile("plays next"))

    player.button("Skip").click()
    second = player.wait_for_other("Bohemian Rhapsody")
    player.wait_for_other_bars(before)
    expect(page.locator("#path .skipped")).to_contain_text("Bohemian Rhapsody")
    expect(player.rows.filter(has_text="Bohemian Rhapsody")).to_have_count(0)

    player.button("Like").click()
    expect(player.button("Like")).to_have_attribute("aria-pressed", "true")
    player.until("document.querySelector('.is-next') !== null")
    coming = page.locator(".is-next .row-title").inner_text()
    page.get_by_label("Position").press("End")
    player.set("speed", 6)
    assert player.wait_for_other(second) == coming
    player.set("speed", 0)

    artist = page.locator("#artist").inner_text()
    player.button(f"No more {artist}").click()
    player.wait_for_other(coming)
    expect(page.locator("#artist")).not_to_have_text(artist)
    expect(player.rows.filter(has_text=artist)).to_have_count(0)
    told = site.http.get(f"/v1/listeners/{player.listener_id}").json()
    assert [block["artist"] for block in told["blocked_artists"]] == [artist]
    kinds = [heard["type"] for heard in told["recent"]]
    assert {"played", "skipped", "liked", "finished"} <= set(kinds)

    player.button("Why this?").click()
    expect(page.locator("#why-says")).to_have_text(
        re.compile(r"^(Because you heard|Others|It is popular|Nothing single|You)")
    )
    player.rows.first.get_by_role("button").last.click()
    expect(player.rows.first.locator(".row-why")).to_have_text(
        re.compile("^(Because you heard|Others|It is popular|Nothing)")
    )


def test_bars_move_when_another_device_plays(page: Page, site: Service) -> None:
    """What is told at another door comes by the stream, and each bar leaves a mark where it was."""
    player = Player(page)
    player.start("stairway")
    before = player.shown()
    site.played(player.listener_id, "queen-bohemian-rhapsody")
    player.wait_for_other_bars(before)
    expect(player.rows.locator(".row-move").filter(has_text=re.compile("▲|▼|new")).first).to_be_visible()
    assert player.playing() == "Stairway to Heaven"


def test_a_station_is_mixed_travels_and_is_taken_along(page: Page, tmp_path: Path) -> None:
    """Another seed moves the ranking; a way is planned; files hold what comes; the link starts the same station."""
    player = Player(page)
    player.start("stairway")
    before = player.shown()
    player.find("queen", "Something else as well").first.click()
    expect(page.locator("#seeds li")).to_have_count(2)
    player.wait_for_other_bars(before)
    player.find("wish you were here", "Where it ends").first.click()
    expect(page.locator("#next-says")).to_have_text(re.compile(r"^\d+ tracks to Wish You Were Here$"))
    player.set("gap", 0)
    player.wait_for_fragment("seed=track.*seed=artist.*to=track.*gap=0")

    for name, reader in (("M3U8", read_m3u), ("XSPF", read_xspf)):
        with page.expect_download() as coming:
            player.button(name).click()
        file = tmp_path / coming.value.suggested_filename
        coming.value.save_as(file)
        rows = sum(batch.events.num_rows for batch in reader(SourceFile(file), Layout()))
        assert rows >= 10
    link = page.url
    other = Player(page.context.new_page(), link)
    expect(other.page.locator("#seeds li")).to_have_count(2)
    expect(other.page.locator("#to")).to_contain_text("Wish You Were Here")
    other.page.close()


def test_titles_are_words_and_never_markup(page: Page) -> None:
    """A catalogue comes from anywhere; what it says is shown as it is."""
    player = Player(page, f"/#seed=track:{quote(AWKWARD.track_id)}")
    expect(player.title).to_have_text(AWKWARD.title)
    assert page.locator("main b").count() == 0


def test_what_there_is_nothing_of_is_said(page: Page, site: Service) -> None:
    """A link to what another server has: the page says so and stays where one can start."""
    errors_expected = page.context.new_page()
    player = Player(errors_expected, f"{site.http.base_url}/#seed=track:nothing-of-that-name")
    expect(player.notice).to_contain_text("nothing-of-that-name")
    expect(errors_expected.locator("#welcome")).to_be_visible()
