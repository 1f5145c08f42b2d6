"""The hot call from the wire to the domain and back."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from app.domain.catalogue import Track
from app.domain.recommendation import Ask, RankedTrack, Recommendation
from app.web.schemas.next_tracks import NextAnswer, NextRequest, next_answer


def test_nothing_said_means_twenty_tracks_from_the_start() -> None:
    """Every field has a default."""
    asked = NextRequest.model_validate_json("{}")
    assert asked.ask() == Ask(limit=20)
    assert asked.listener_id is None


def test_everything_said_reaches_the_domain() -> None:
    """Field by field."""
    asked = NextRequest.model_validate_json(
        json.dumps(
            {
                "listener_id": "ann",
                "events": [{"type": "played", "track_id": "t1"}, {"type": "skipped", "track_id": "t2"}],
                "n": 500,
                "exclude": ["t3"],
                "exclude_artists": ["Queen"],
                "recent": ["t4", "t5"],
                "allow_repeats": True,
                "artist_gap": 2,
            }
        )
    )
    assert asked.ask() == Ask(500, ("t3",), ("Queen",), ("t4", "t5"), allow_repeats=True, artist_gap=2)
    assert [(event.listener_id, event.track_id) for event in asked.listened()] == [("ann", "t1"), ("ann", "t2")]


@pytest.mark.parametrize("listener_id", ["ann", None])
def test_without_consent_nobody_keeps_the_events(listener_id: str | None) -> None:
    """They are there for the answer; whose they are need not be said."""
    body = {"listener_id": listener_id, "consent": False, "event": {"type": "played", "track_id": "t1"}}
    asked = NextRequest.model_validate_json(json.dumps(body))
    assert asked.keeper is None
    assert [event.track_id for event in asked.listened()] == ["t1"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"n": 0}, "greater than or equal to 1"),
        ({"n": 501}, "less than or equal to 500"),
        ({"n": "20"}, "valid integer"),
        ({"n": 20.0}, "valid integer"),
        ({"limit": 20}, "not permitted"),
        ({"artist_gap": -1}, "greater than or equal to 0"),
        ({"recent": ["t"] * 501}, "at most 500"),
        ({"allow_repeats": "yes"}, "valid boolean"),
        ({"event": {"type": "played", "track_id": "t"}}, "listener_id"),
        ({"events": [{"type": "played", "track_id": "t"}]}, "listener_id"),
        (
            {
                "listener_id": "ann",
                "event": {"type": "played", "track_id": "t"},
                "events": [{"type": "played", "track_id": "t"}],
            },
            "not both",
        ),
    ],
)
def test_what_contradicts_or_exceeds_is_refused(body: dict[str, object], message: str) -> None:
    """With the reason."""
    with pytest.raises(ValidationError, match=message):
        NextRequest.model_validate_json(json.dumps(body))


def test_a_recommendation_is_written_flat() -> None:
    """One object a track, as callers want to read it."""
    track = Track("t1", "Song", "Artist", None, 1979, None, ("a", "b"), 200)
    recommendation = Recommendation("r", None, "c", 0, (RankedTrack(1, track, 0.25),), (), ("u",), 10, 8, ("d",))
    written = json.loads(TypeAdapter(NextAnswer).dump_json(next_answer(recommendation)))
    assert written["tracks"] == [
        {
            "rank": 1,
            "probability": 0.25,
            "track_id": "t1",
            "title": "Song",
            "artist": "Artist",
            "album": None,
            "year": 1979,
            "genre": None,
            "tags": ["a", "b"],
            "duration_s": 200,
        }
    ]
    assert written["pool"] == {"before": 10, "after": 8, "rules": {}}
    assert (written["unknown_tracks"], written["degraded"]) == (["u"], ["d"])
