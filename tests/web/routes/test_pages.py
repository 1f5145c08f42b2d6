"""GET /, /dashboard and /assets: pages for people, and nothing of anybody's."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.main import create_app
from app.settings import Settings
from app.web.routes.pages import FOLDER, assets
from tests.web.conftest import served

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("path", ["/", "/dashboard"])
def test_a_page_is_shown_under_a_strict_policy(service: httpx.Client, path: str) -> None:
    """Nothing inline, nothing from elsewhere, in nobody's frame."""
    shown = service.get(path)
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    policy = shown.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"https?://|<script>| style=| on[a-z]+=", shown.text)


@pytest.mark.parametrize("name", sorted(assets()))
def test_every_file_of_the_pages_is_shown(service: httpx.Client, name: str) -> None:
    """With its type; asked for again, nothing is sent."""
    shown = service.get(f"/assets/{name}")
    assert shown.content == (FOLDER / name).read_bytes()
    kinds = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    assert shown.headers["content-type"] == kinds.get((FOLDER / name).suffix, shown.headers["content-type"])
    assert shown.headers["cache-control"] == "no-cache"
    again = service.get(f"/assets/{name}", headers={"If-None-Match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"]
    head = service.head(f"/assets/{name}")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", shown.headers["etag"])


@pytest.mark.parametrize(
    "name", ["nothing.js", "", "../routes/pages.py", "..%2froutes%2fpages.py", "%2e%2e/api.py", "/etc/passwd", "%00"]
)
def test_nothing_else_is_shown(service: httpx.Client, name: str) -> None:
    """A name is looked up among the files there are; it is never a path."""
    shown = service.get(f"/assets/{name}")
    assert (shown.status_code, shown.json()["code"]) == (404, "no_such_route")


def test_a_page_can_only_be_read(service: httpx.Client) -> None:
    shown = service.post("/")
    assert (shown.status_code, shown.headers["allow"]) == (405, "GET, HEAD")


def test_pages_need_no_key_and_everything_they_ask_does(service: httpx.Client) -> None:
    """They are not part of the API, whose description says who may what."""
    assert not {"/", "/dashboard", "/assets/{name}"} & service.get("/openapi.json").json()["paths"].keys()


def test_the_page_hears_from_where_the_operator_said_and_from_nowhere_else(service: httpx.Client) -> None:
    """A server of sounds joins the policy; without one, and with a path of our own, nothing does."""
    assert service.get("/assets/sounds.json").json() == {"audio_url": None}
    assert "media-src" not in service.get("/").headers["content-security-policy"]
    for url, added in [
        ("https://sounds.example:8443/{track_id}.mp3", "https://sounds.example:8443"),
        ("/s/{track_id}", ""),
    ]:
        app = create_app(Settings(audio_url=url, redis_url="unix:///nobody-listens"))
        with served(app) as client:
            assert client.get("/assets/sounds.json").json() == {"audio_url": url}
            policy = client.get("/").headers["content-security-policy"]
            assert policy.partition("media-src 'self' ")[2] == added


@pytest.mark.parametrize(
    "url", ["https://sounds.example/song.mp3", "//x/{track_id}", "https://a/{track_id}; script-src *"]
)
def test_what_is_no_place_of_sounds_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="audio_url"):
        Settings(audio_url=url)


@pytest.mark.slow
def test_the_pages_are_in_the_wheel(tmp_path: Path) -> None:
    """Built as it is released: what .gitignore matches would be missing."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {f"app/web/pages/{name}" for name in assets()} <= packed
