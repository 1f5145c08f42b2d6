"""The pictures of the dashboard in the docs, taken where somebody asks for them: `make pictures`.

PICTURES_FROM names a model store of the demo, of two checkpoints at least: the other one is shown as the canary.
"""

import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_pictures import STORE, keep
from tests.e2e.retraining import QUICKLY, recipes
from tests.e2e.service import Service

# They write into docs/: a run of the tests must leave the tree as it was.
pytestmark = [pytest.mark.long, pytest.mark.skipif(STORE is None, reason="nobody asked for pictures: make pictures")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of a copy of the store, for its labels are moved; another checkpoint is canary for a fifth."""
    home = tmp_path_factory.mktemp("pictures")
    shutil.copytree(Path(str(STORE)), home / "model_store")
    recipes(home / "data")
    with Service(home / "model_store", home / "data", **QUICKLY) as running:
        models = running.http.get("/v1/models").json()
        stable = models["labels"]["stable"]
        other = next(one for one in models["models"] if one["checkpoint_id"] != stable)["checkpoint_id"]
        running.http.put(
            "/v1/models/labels/canary",
            json={"checkpoint_id": other, "traffic_percent": 20, "force": True},
            headers={"If-Match": "*"},
        ).raise_for_status()
        yield running


@contextmanager
def listening(service: Service) -> Iterator[None]:
    """Have two apps play what is offered, now and then skipping, until the block ends."""
    stop = Event()

    def listen(number: int) -> None:
        chance = random.Random(number)
        with httpx.Client(base_url=service.http.base_url) as app:
            offered = {f"listener {number} {each}": ["queen-bohemian-rhapsody"] for each in range(40)}
            while not stop.is_set():
                listener_id = chance.choice(list(offered))
                track_id = chance.choice(offered[listener_id][:8])
                event = {"type": chance.choice(("played", "played", "played", "skipped")), "track_id": track_id}
                answer = app.post("/v1/next", json={"listener_id": listener_id, "event": event}).json()
                offered[listener_id] = [track["track_id"] for track in answer["tracks"]]
                time.sleep(chance.random() * 0.1)

    with ThreadPoolExecutor(2) as apps:
        listening = [apps.submit(listen, number) for number in range(2)]
        yield
        stop.set()
        for one in listening:
            one.result()


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("dashboard", "light", 1360), ("dashboard-dark", "dark", 1360), ("dashboard-phone", "dark", 390)],
)
def test_the_dashboard_has_its_picture_taken(
    chromium: Browser, service: Service, name: str, scheme: str, width: int
) -> None:
    """While listeners play and a run trains, with the stable checkpoint open."""
    with (
        listening(service),
        chromium.new_context(
            base_url=str(service.http.base_url),
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
        ) as context,
    ):
        page = context.new_page()
        page.goto("/dashboard")
        page.get_by_label("Look every").select_option("2")
        expect(page.locator("#online")).to_contain_text("canary", timeout=30_000)
        if name == "dashboard":
            page.get_by_label("Recipe").fill("tiny")
            page.get_by_role("button", name="Start training").click()
            expect(page.locator(".run")).to_be_visible()
        page.wait_for_timeout(8_000)
        stable = service.http.get("/v1/models/labels").json()["stable"]
        page.locator(f"[data-checkpoint='{stable}'] summary").click()
        expect(page.locator(f"[data-checkpoint='{stable}'] canvas")).to_be_visible()
        keep(name, page.screenshot(full_page=True))
