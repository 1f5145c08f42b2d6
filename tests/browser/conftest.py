"""A real Chromium in front of a real service. Where there is no browser, these tests are left out, saying so."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.service import Service
from tests.web.conftest import model_store

__all__ = ["model_store"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
# It asks nobody for anything but what a page asks for.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of this machine; for a module only, since it keeps an event loop running in this thread."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    expect.set_options(timeout=20_000)  # a machine may have more to do than this test
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that all tests share who do not hurt it."""
    with Service(model_store, tmp_path_factory.mktemp("site") / "data") as service:
        yield service


@dataclass
class Seen:
    """What went on in a page that nobody should have to see: errors, and requests to elsewhere."""

    origin: str
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Take notes from now on."""
        page.on("console", lambda told: self.errors.append(told.text) if told.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.origin, "blob:", "data:")):
            self.strangers.append(url)


@pytest.fixture
def context(chromium: Browser, site: Service) -> Iterator[BrowserContext]:
    """A browser nobody has used before."""
    with chromium.new_context(base_url=str(site.http.base_url), reduced_motion="reduce") as context:
        context.set_default_timeout(15_000)
        yield context


@pytest.fixture
def seen(site: Service) -> Seen:
    """What nobody should have to see; a test that provokes an error takes it out."""
    return Seen(str(site.http.base_url))


@pytest.fixture
def page(context: BrowserContext, seen: Seen) -> Iterator[Page]:
    """A page of the shared service, in which no error may appear and which may ask nobody else."""
    page = context.new_page()
    seen.watch(page)
    yield page
    assert seen.errors == []
    assert seen.strangers == []
