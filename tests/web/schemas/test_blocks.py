"""Blocks from the wire to the domain and back."""

import json

import pytest
from pydantic import ValidationError

from app.domain.blocks import Block
from app.domain.session import ListenerSession
from app.web.schemas.blocks import BlocksRequest, blocks_answer


def test_blocks_become_the_domains_own() -> None:
    """With or without an end, which is kept to the millisecond."""
    asked = BlocksRequest.model_validate_json(
        json.dumps(
            {
                "tracks": [{"track_id": "t1"}, {"track_id": "t2", "until": "1970-01-01T01:00:10.1239+01:00"}],
                "artists": [{"artist": "Moby", "until": None}],
            }
        )
    )
    assert [body.block() for body in asked.tracks] == [Block("t1"), Block("t2", 10.124)]
    assert [body.block() for body in asked.artists] == [Block("Moby")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "name `tracks` or `artists`"),
        ({"tracks": [], "artists": []}, "name `tracks` or `artists`"),
        ({"tracks": ["t1"]}, "object"),
        ({"tracks": [{"track_id": "t1", "until": "tomorrow"}]}, "RFC 3339"),
        ({"tracks": [{"track_id": "t1", "until": "2999-01-01T00:00:00"}]}, "with offset"),
        ({"tracks": [{"artist": "Moby"}]}, "required"),
        ({"artists": [{"artist": ""}]}, "1 to 256"),
        ({"artists": [{"artist": "Moby"}] * 1001}, "at most 1000"),
    ],
)
def test_what_is_not_understood_is_refused(body: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BlocksRequest.model_validate_json(json.dumps(body))


def test_only_blocks_in_force_are_told() -> None:
    session = ListenerSession(
        "ann", seq=3, blocked_tracks=(Block("t1", 10.0), Block("t2", 10.5)), blocked_artists=(Block("Moby"),)
    )
    assert blocks_answer(session, now=10.0) == {
        "listener_id": "ann",
        "seq": 3,
        "tracks": [{"track_id": "t2", "until": "1970-01-01T00:00:10.500+00:00"}],
        "artists": [{"artist": "Moby", "until": None}],
    }
