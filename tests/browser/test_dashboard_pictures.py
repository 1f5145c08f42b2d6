"""The pictures of the dashboard in the docs, taken where somebody asks for them: `make pictures`.

PICTURES_FROM names a model store of the demo, of two checkpoints at least: the other one is shown as the canary.
"""

import random
import re
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

from app.demo.catalogue import demo_catalogue
from app.demo.dataset import demo_dataset, demo_sessions
from tests.browser.test_pictures import STORE, keep
from tests.e2e.retraining import QUICKLY
from tests.e2e.service import Service

# Gentle steps from the weights that serve, over evenings that they have not seen.
EVENINGS = "epochs = 4\npatience = 4\nlearning_rate = 0.0003\ntable_learning_rate = 0.01\nbatch_events = 512\n"
OVER = re.compile("published|refused")

# They write into docs/: a run of the tests must leave the tree as it was.
pytestmark = [pytest.mark.long, pytest.mark.skipif(STORE is None, reason="nobody asked for pictures: make pictures")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of a copy of the store, for its labels are moved; another checkpoint is canary for a fifth."""
    home = tmp_path_factory.mktemp("pictures")
    shutil.copytree(Path(str(STORE)), home / "model_store")
    (home / "data" / "recipes").mkdir(parents=True)
    (home / "data" / "recipes" / "evenings.toml").write_text(EVENINGS, encoding="utf-8")
    demo_dataset(home / "data" / "evenings", seed=99, sessions=2000)
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
    """Have two apps play what the demo's listeners hear, now and then skipping, until the block ends."""
    stop = Event()
    catalogue = demo_catalogue()

    def listen(number: int) -> None:
        chance = random.Random(number)
        sessions = demo_sessions(catalogue, seed=number, sessions=40)
        coming = {f"listener {number} {each}": list(sessions[each]) for each in range(len(sessions))}
        with httpx.Client(base_url=service.http.base_url) as app:
            while coming and not stop.is_set():
                listener_id = chance.choice(list(coming))
                track = catalogue[int(coming[listener_id].pop(0))]
                if not coming[listener_id]:
                    del coming[listener_id]
                event = {"type": chance.choice(("played", "played", "played", "skipped")), "track_id": track.track_id}
                app.post("/v1/next", json={"listener_id": listener_id, "event": event}).raise_for_status()
                time.sleep(chance.random() * 0.1)

    with ThreadPoolExecutor(2) as apps:
        listening = [apps.submit(listen, number) for number in range(2)]
        yield
        stop.set()
        for one in listening:
            one.result()


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("dashboard", "light", 1360), ("dashboard-dark", "dark", 1360), ("dashboard-phone", "dark", 390)],
)
def test_the_dashboard_has_its_picture_taken(
    chromium: Browser, service: Service, name: str, scheme: str, width: int
) -> None:
    """While listeners play, with a training run watched to its end and the stable checkpoint open."""
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
            page.get_by_label("Recipe").fill("evenings")
            page.get_by_label("Data set").fill("evenings")
            page.get_by_label("Begin with").fill("stable")
            page.get_by_role("button", name="Start training").click()
            expect(page.locator(".run .pill")).to_have_text(OVER, timeout=300_000)
            expect(page.get_by_role("button", name="Start training")).to_be_enabled()
            page.locator("#notice").evaluate("notice => notice.hidden = true")
        expect(page.locator(".past")).to_contain_text("evenings", timeout=30_000)
        page.wait_for_timeout(12_000)
        stable = service.http.get("/v1/models/labels").json()["stable"]
        page.locator(f"[data-checkpoint='{stable}'] summary").click()
        expect(page.locator(f"[data-checkpoint='{stable}'] canvas")).to_be_visible()
        keep(name, page.screenshot(full_page=True))
