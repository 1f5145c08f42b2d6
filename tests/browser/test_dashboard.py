"""The dashboard in a browser: what it shows is what the service tells, and what it changes is asked for first."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from app.stores.checkpoints import CheckpointStore
from tests.browser.conftest import Seen
from tests.browser.test_accessibility import faults
from tests.e2e.retraining import QUICKLY, heard, recipes
from tests.e2e.service import Service
from tests.serving.conftest import draft, promoted


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    """Two accepted checkpoints, the older one promoted."""
    store = promoted(tmp_path_factory.mktemp("dashboard") / "model_store")
    store.publish(draft(2))
    return store


@pytest.fixture(scope="module")
def site(store: CheckpointStore) -> Iterator[Service]:
    """A service of these tests' own: they move its labels and train."""
    home = store.root.parent
    recipes(home / "data")
    with Service(store.root, home / "data", **QUICKLY) as service:
        yield service


class Dashboard:
    """The dashboard in one tab, worked by its words."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.goto("/dashboard")
        page.get_by_label("Look every").select_option("2")
        expect(self.tile("Service")).to_contain_text("ready")

    def tile(self, name: str) -> Locator:
        """One of the figures at the top."""
        return self.page.locator(".tile").filter(has=self.page.get_by_text(name, exact=True))

    def label(self, name: str) -> Locator:
        """What is said of a label."""
        return self.page.locator(f"[data-label={name}]")

    def press(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def open(self, checkpoint_id: str) -> Locator:
        """Open a checkpoint and return it."""
        one = self.page.locator(f"[data-checkpoint='{checkpoint_id}']")
        if one.get_attribute("open") is None:
            one.locator("summary").click()
        return one


@pytest.fixture
def dashboard(page: Page) -> Dashboard:
    return Dashboard(page)


def test_labels_are_moved_only_when_somebody_is_sure(dashboard: Dashboard, store: CheckpointStore) -> None:
    """Canary, its share, promotion, and the way back; a no changes nothing."""
    page = dashboard.page
    old = store.labels().stable or ""
    [new] = set(store.ids()) - {old}
    expect(dashboard.label("stable")).to_contain_text(old)
    dashboard.open(new)
    dashboard.press(f"Canary for 10 %: {new}")
    expect(page.get_by_role("dialog")).to_contain_text("10 % of the listeners")
    dashboard.press("Leave it")
    assert store.labels().canary is None

    dashboard.press(f"Canary for 10 %: {new}")
    dashboard.press("Set it")
    expect(dashboard.label("canary")).to_contain_text(new)
    page.get_by_label("Share of the listeners").fill("35")
    dashboard.press("Set")
    expect(page.get_by_role("dialog")).to_contain_text("35 % of the listeners")
    dashboard.press("Set it")
    expect(page.get_by_role("button", name="Set", exact=True)).to_be_hidden()
    expect(dashboard.label("canary")).to_contain_text("35 %")
    canary = store.labels().canary
    assert canary is not None
    assert (canary.checkpoint_id, canary.traffic_percent) == (new, 35)

    dashboard.press("Take away: canary")
    dashboard.press("Take away")
    expect(dashboard.label("canary")).to_contain_text("none")
    dashboard.open(new)
    dashboard.press(f"Promote to stable: {new}")
    dashboard.press("Promote")
    expect(dashboard.label("stable")).to_contain_text(new)
    expect(dashboard.tile("Serving")).to_contain_text(new)
    dashboard.press("Roll back: stable")
    dashboard.press("Roll back")
    expect(dashboard.label("stable")).to_contain_text(old)
    assert store.labels().stable == old


def test_a_slider_that_is_held_stays_where_it_is_while_the_page_looks_again(
    dashboard: Dashboard, store: CheckpointStore
) -> None:
    """Who takes it in hand right after a change is not overruled when what that change began comes to its end."""
    page = dashboard.page
    [new] = set(store.ids()) - {store.labels().stable}
    dashboard.open(new)
    held: list[Route] = []
    page.route("**/v1/models", lambda route: held.append(route))
    dashboard.press(f"Canary for 10 %: {new}")
    dashboard.press("Set it")
    share = page.get_by_label("Share of the listeners")
    share.fill("35")
    with page.expect_response("**/v1/models"):
        for route in held:
            route.continue_()
        page.unroute("**/v1/models")
    page.wait_for_timeout(200)  # long enough for the page to do with it whatever it does
    expect(share).to_have_value("35")
    dashboard.press("Set")
    dashboard.press("Leave it")
    expect(share).to_have_value("10")
    dashboard.press("Take away: canary")
    dashboard.press("Take away")
    expect(dashboard.label("canary")).to_contain_text("none")


def test_two_who_decide_at_once_do_not_undo_each_other(
    dashboard: Dashboard, store: CheckpointStore, seen: Seen
) -> None:
    """Somebody else moved a label while the dialog was open: nothing happens but that it is said."""
    page = dashboard.page
    old = store.labels().stable or ""
    [new] = set(store.ids()) - {old}
    dashboard.open(new)
    dashboard.press(f"Shadow: {new}")
    store.promote("shadow", old)
    dashboard.press("Set it")
    expect(page.locator("#notice")).to_contain_text("Somebody else was faster")
    expect(dashboard.label("shadow")).to_contain_text(old)
    assert store.labels().shadow == old
    assert [error for error in seen.errors if "412" not in error] == []
    seen.errors.clear()


def test_what_is_asked_is_counted_and_drawn(dashboard: Dashboard, site: Service) -> None:
    """Requests a second, how long they took, and what the session store holds of who asked."""
    page = dashboard.page
    for row in range(30):
        site.played(f"listener {row % 7}", f"t{row}")
        if row % 10 == 0:
            page.wait_for_timeout(700)
    expect(dashboard.tile("Nine in ten within")).to_contain_text("ms")
    expect(page.locator("#plot-latency canvas")).to_be_visible()
    expect(page.locator("#plot-latency .nothing")).to_be_hidden()
    expect(page.locator("#requests-says")).to_contain_text(re.compile(r"^[1-9]\d* next-track requests"))
    expect(dashboard.tile("Listeners")).to_contain_text(re.compile(r"[7-9]|\d\d"), timeout=20_000)
    expect(dashboard.tile("Redis memory")).to_contain_text("MB")
    expect(page.locator("#online")).to_contain_text("stable", timeout=20_000)


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1360), ("dark", 390)], ids=["light, on a desk", "dark, in a hand"]
)
def test_axe_finds_nothing(page: Page, store: CheckpointStore, scheme: str, width: int) -> None:
    """With a checkpoint open, and while somebody is asked whether they are sure."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    dashboard = Dashboard(page)
    [checkpoint_id] = set(store.ids()) - {store.labels().stable}
    dashboard.open(checkpoint_id)
    expect(page.locator("#plot-rate canvas")).to_be_visible()
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it has to be pushed sideways"
    dashboard.press(f"Promote to stable: {checkpoint_id}")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert faults(page) == []


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_retraining_is_watched_to_its_end(dashboard: Dashboard, site: Service, store: CheckpointStore) -> None:
    """Asked for on the page, followed while it learns, and judged by the gate; its checkpoint is listed at once."""
    page = dashboard.page
    heard(site, 60)
    before = set(store.ids())
    page.get_by_label("Recipe").fill("tiny")
    dashboard.press("Start training")
    run = page.locator(".run")
    expect(run).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    expect(run.locator(".pill")).to_have_text(re.compile("published|refused"), timeout=90_000)
    expect(run).to_contain_text("The gate")
    expect(run.locator(".log")).to_contain_text("begun by")
    [new] = set(store.ids()) - before
    expect(page.locator(f"[data-checkpoint='{new}']")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    expect(page.locator(".past")).to_contain_text("tiny")
    assert faults(page) == []


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.faults
def test_a_service_that_is_away_is_said_and_comes_back(chromium: Browser, site: Service) -> None:
    """Nobody has to reload."""
    with chromium.new_context(base_url=str(site.http.base_url), reduced_motion="reduce") as context:
        context.set_default_timeout(40_000)
        dashboard = Dashboard(context.new_page())
        site.kill()
        expect(dashboard.tile("Service")).to_contain_text("away")
        expect(dashboard.page.locator("#notice")).to_contain_text("The server does not answer")
        site.start()
        expect(dashboard.tile("Service")).to_contain_text("ready")
        expect(dashboard.page.locator("#notice")).to_contain_text("The server is back")
