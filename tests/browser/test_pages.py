"""Both pages in a browser: they come up, without an error, and ask nobody else."""

import pytest
from playwright.sync_api import Page


@pytest.mark.parametrize("path", ["/", "/dashboard"])
def test_a_page_comes_up(page: Page, path: str) -> None:
    page.goto(path)
    assert page.title().startswith("Segue")
