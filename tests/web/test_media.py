"""The Accept header decides as RFC 9110 says."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.media import NotAcceptable, preferred

OFFERED = ("application/json", "application/xspf+xml", "audio/x-mpegurl")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/xspf+xml", "application/xspf+xml"),
        ("Application/XSPF+XML", "application/xspf+xml"),
        ("audio/*", "audio/x-mpegurl"),
        ("application/json;q=0.5, audio/x-mpegurl", "audio/x-mpegurl"),
        ("application/json;q=0, */*;q=0.1", "application/xspf+xml"),
        ("text/html, application/*;q=0.8", "application/json"),
        ("application/xspf+xml; version=1; q=0.9, */*;q=0.1", "application/xspf+xml"),
    ],
)
def test_the_highest_quality_wins_and_ties_go_to_the_first_offer(accept: str, chosen: str) -> None:
    """A more specific range overrules a wider one."""
    assert preferred(accept, OFFERED) == chosen


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "application/json;q=often", "json"])
def test_accepting_nothing_that_is_offered_is_refused(accept: str) -> None:
    """With the list of what there is."""
    with pytest.raises(NotAcceptable, match=r"application/xspf\+xml"):
        preferred(accept, OFFERED)


@given(st.text(max_size=60))
def test_no_header_breaks_it(accept: str) -> None:
    """It chooses or refuses."""
    with suppress(NotAcceptable):
        assert preferred(accept, OFFERED) in OFFERED
