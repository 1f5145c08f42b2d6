"""Playlist requests from the wire to the domain."""

import json

import pytest
from pydantic import ValidationError

from app.domain.playlist import Choosing, PlaylistAsk, Seed, SeedKind
from app.web.schemas.playlists import PlaylistRequest


def test_nothing_said_means_twenty_tracks_greedily() -> None:
    """Every field has a default, the domain's own."""
    assert PlaylistRequest.model_validate_json("{}").ask() == PlaylistAsk(length=20)


def test_everything_said_reaches_the_domain() -> None:
    """Field by field."""
    body = {
        "n": 30,
        "seeds": ["a"],
        "listener_id": "ann",
        "choosing": "sample",
        "temperature": 1.5,
        "top_k": 50,
        "top_p": 0.9,
        "seed": 7,
        "exclude": ["b"],
        "exclude_artists": ["C"],
        "artist_gap": 3,
    }
    expected = PlaylistAsk(30, (Seed("a"),), "ann", Choosing.SAMPLE, 1.5, 50, 0.9, 7, ("b",), ("C",), 3)
    assert PlaylistRequest.model_validate_json(json.dumps(body)).ask() == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"temperature": 2.0}, "sample"),
        ({"seed": 7, "top_k": 3, "choosing": "greedy"}, "seed, top_k"),
        ({"choosing": "lottery"}, "greedy"),
        ({"choosing": "beam", "beam_width": 1}, "greater than"),
        ({"choosing": "beam", "beam_width": 17}, "less than"),
        ({"beam_width": 4}, '"choosing": "beam"'),
        ({"choosing": "beam", "temperature": 2.0}, '"choosing": "sample"'),
        ({"choosing": "beam", "duration_s": 600}, "how many tracks a beam"),
        ({"reasons": True, "duration_s": 600}, "200 tracks at most"),
        ({"reasons": True, "n": 100, "after": ["t1"] * 101}, "200 tracks at most"),
        ({"choosing": "sample", "temperature": 0}, "greater than"),
        ({"choosing": "sample", "top_p": 0}, "greater than 0"),
        ({"choosing": "sample", "seed": 2**53}, "less than"),
        ({"n": 501}, "500"),
        ({"seeds": ["a"] * 101}, "at most 100"),
        ({"seeds": [{"artist": "A", "tag": "b"}]}, "exactly one"),
        ({"seeds": [{"weight": 2}]}, "exactly one"),
        ({"seeds": [{"track": "a", "weight": 0}]}, "greater than 0"),
        ({"seeds": [5]}, r"seeds\.0\n"),
        ({"n": 5, "duration_s": 600}, "not both"),
        ({"to": "t", "duration_s": 600}, "with `n`"),
    ],
)
def test_what_contradicts_or_exceeds_is_refused(body: dict[str, object], message: str) -> None:
    """A temperature that would do nothing is not silently ignored."""
    with pytest.raises(ValidationError, match=message):
        PlaylistRequest.model_validate_json(json.dumps(body))


def test_not_a_number_is_not_a_temperature() -> None:
    """Though the parser would read it."""
    with pytest.raises(ValidationError, match="finite"):
        PlaylistRequest.model_validate_json('{"choosing": "sample", "temperature": NaN}')


def test_seeds_may_be_ids_artists_and_tags() -> None:
    """A plain string is short for a track."""
    body = '{"seeds": ["a", {"artist": "B", "weight": 2}, {"tag": "c"}, {"track": "d"}], "duration_s": 600}'
    asked = PlaylistRequest.model_validate_json(body).ask()
    assert asked.seeds == (Seed("a"), Seed("B", SeedKind.ARTIST, 2.0), Seed("c", SeedKind.TAG), Seed("d"))
    assert (asked.length, asked.duration_s) == (500, 600)
