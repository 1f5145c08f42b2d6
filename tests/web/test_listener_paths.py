"""A path says which listener is meant, whatever the id holds, and no part of a listener is taken for an id."""

import pytest

from app.web.listener_paths import part_of


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/v1/listeners/ann", ""),
        ("/v1/listeners/ann/export", "export"),
        ("/v1/listeners/a/b", ""),
        ("/v1/listeners/a/b/reset", "reset"),
        ("/v1/listeners/ann%2Fexport", ""),
        ("/v1/listeners/ann%2Fexport/export", "export"),
        ("/v1/listeners/export", ""),
        ("/v1/listeners/export/export", "export"),
        ("/v1/listeners//export", ""),
        ("/v1/listeners/ann/exports", ""),
    ],
)
def test_a_plain_slash_before_a_part_is_ours_and_an_encoded_one_is_the_ids(path: str, part: str) -> None:
    assert part_of({"type": "http", "raw_path": path.encode(), "path": "not looked at"}) == part


def test_a_server_that_keeps_no_raw_path_leaves_the_plain_one() -> None:
    assert part_of({"type": "http", "path": "/v1/listeners/ann/merge"}) == "merge"
