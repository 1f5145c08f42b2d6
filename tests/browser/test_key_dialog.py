"""A server with keys: both pages ask for one in a dialog, keep it for the tab, and say what is missing without it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import time

import pytest
from playwright.sync_api import Page, expect

from app.domain.api_keys import KeyRing, Scope, new_key
from app.stores.api_keys import ApiKeyFile
from tests.browser.conftest import Seen
from tests.browser.test_accessibility import faults
from tests.e2e.service import Service
from tests.serving.conftest import promoted

SCOPES = {"operator": (Scope.ADMIN,), "app": (Scope.RECOMMEND, Scope.EVENTS)}


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    """The secret of each key, filled by the service that has them."""
    return {}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, secrets: dict[str, str]) -> Iterator[Service]:
    """A service that asks for keys: one of an operator, one of an app."""
    home: Path = tmp_path_factory.mktemp("locked")
    store = promoted(home / "model_store")
    file = ApiKeyFile(home / "data" / "api_keys.json")
    for name, scopes in SCOPES.items():
        made, secrets[name] = new_key(name, scopes, now=time())
        file.change(partial(KeyRing.adding, key=made, now=time()))
    with Service(store.root, home / "data") as service:
        yield service


@pytest.fixture
def locked(page: Page, seen: Seen) -> Iterator[Page]:
    """A page of that service. A browser writes down every refusal, which is what happens here."""
    yield page
    seen.errors[:] = [error for error in seen.errors if "401" not in error and "403" not in error]


def typed(page: Page, secret: str, by: str = "Enter") -> None:
    """Type a key into the dialog, which has the focus in it."""
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.insert_text(secret)
    page.keyboard.press(by)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dashboard_asks_until_a_key_opens_it(locked: Page, secrets: dict[str, str], scheme: str) -> None:
    """A wrong key, then one of too little scope, then the right one; the tab keeps it, and shows it to nobody."""
    locked.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    locked.goto("/dashboard")
    dialog = locked.get_by_role("dialog", name="This server asks for a key")
    expect(dialog).to_be_visible()
    assert faults(locked) == []
    typed(locked, "segue_wrong")
    expect(dialog).to_contain_text("key")
    typed(locked, secrets["app"])
    expect(dialog).to_contain_text("admin")
    typed(locked, secrets["operator"])
    expect(dialog).to_be_hidden()
    expect(locked.locator("#tiles")).to_contain_text("ready")
    locked.reload()
    expect(locked.locator("#tiles")).to_contain_text("ready")
    expect(dialog).to_be_hidden()
    assert secrets["operator"] not in locked.content()
    assert secrets["operator"] not in locked.url


def test_who_has_no_key_is_told_what_the_page_needs(locked: Page) -> None:
    """By the button, or by Escape."""
    for leave in ("Cancel", "Escape"):
        locked.goto("/dashboard")
        expect(locked.get_by_role("dialog")).to_be_visible()
        if leave == "Cancel":
            locked.get_by_role("button", name="Cancel").click()
        else:
            locked.keyboard.press("Escape")
        expect(locked.get_by_role("dialog")).to_be_hidden()
        expect(locked.locator("#notice")).to_contain_text("This page needs a key of the scope admin")


def test_another_tab_is_asked_again(locked: Page, secrets: dict[str, str]) -> None:
    """The key is the tab's: neither another browser nor another tab has it."""
    locked.goto("/dashboard")
    typed(locked, secrets["operator"])
    expect(locked.locator("#tiles")).to_contain_text("ready")
    other = locked.context.new_page()
    other.goto("/dashboard")
    expect(other.get_by_role("dialog")).to_be_visible()
    other.close()


def test_the_player_plays_on_with_the_key_of_an_app(locked: Page, secrets: dict[str, str]) -> None:
    """Asked once, before the map; then it searches, plays and follows."""
    locked.goto("/")
    typed(locked, secrets["app"])
    expect(locked.get_by_role("dialog")).to_be_hidden()
    expect(locked.locator("#map-says")).to_contain_text("near means alike")
    locked.locator("#starts button").first.click()
    expect(locked.locator("#title")).not_to_be_empty()
    expect(locked.locator("#tracks > li").first).to_be_visible()
    assert faults(locked) == []
