"""GET /, /dashboard and /assets: pages for people, and nothing of anybody's."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from app.web.routes.pages import FOLDER, assets

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
