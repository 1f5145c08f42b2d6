"""Examples of what apps ask at every track: next tracks, events, streams, playlists, the catalogue."""

import json
from typing import Any

from app.web.examples import CHECKPOINT

TRACK_ANSWER: dict[str, Any] = {
    "track_id": "queen-bohemian-rhapsody",
    "title": "Bohemian Rhapsody",
    "artist": "Queen",
    "album": "A Night at the Opera",
    "year": 1975,
    "genre": "classic rock",
    "tags": ["epic", "piano", "storytelling"],
    "duration_s": 355,
    "explicit": None,
    "markets": [],
}
TRACKS_ANSWER = {"query": "bohemian rapsody", "tracks": [TRACK_ANSWER]}

_RANKED = [
    {
        "rank": 1,
        "probability": 0.0421,
        "track_id": "led-zeppelin-stairway-to-heaven",
        "title": "Stairway to Heaven",
        "artist": "Led Zeppelin",
        "album": "Led Zeppelin IV",
        "year": 1971,
        "genre": "classic rock",
        "tags": ["anthem", "epic", "guitar"],
        "duration_s": 482,
    },
    {
        "rank": 2,
        "probability": 0.0317,
        "track_id": "pink-floyd-wish-you-were-here",
        "title": "Wish You Were Here",
        "artist": "Pink Floyd",
        "album": "Wish You Were Here",
        "year": 1975,
        "genre": "classic rock",
        "tags": ["acoustic", "mellow"],
        "duration_s": None,
    },
]
_APPLIED = {"event_id": "play-1", "listener_id": "ann", "outcome": "applied", "seq": 1, "detail": None}

NEXT_REQUESTS: dict[str, Any] = {
    "after_an_event": {
        "listener_id": "ann",
        "event": {
            "type": "played",
            "track_id": "queen-bohemian-rhapsody",
            "event_id": "play-1",
            "at": "2026-11-22T10:15:00+01:00",
        },
        "n": 2,
    },
    "without_a_session": {
        "recent": ["queen-bohemian-rhapsody", "led-zeppelin-stairway-to-heaven"],
        "n": 5,
        "artist_gap": 3,
    },
    "by_rules": {
        "recent": ["queen-bohemian-rhapsody"],
        "n": 3,
        "rules": {"year_from": 1970, "year_to": 1979, "tags_none": ["live"], "max_per_artist": 1},
    },
    "start": {},
}
NEXT_ANSWER = {
    "recommendation_id": "rec_8c1f0b6f2a7d4e9b31c05d77",
    "listener_id": "ann",
    "checkpoint_id": CHECKPOINT,
    "seq": 1,
    "tracks": _RANKED,
    "events": [_APPLIED],
    "unknown_tracks": [],
    "pool": {"before": 1969, "after": 1968, "rules": {"heard": 1}},
    "shortfall": None,
    "degraded": [],
}

EVENTS_REQUESTS: dict[str, Any] = {
    "two_listeners": {
        "events": [
            {
                "listener_id": "ann",
                "type": "skipped",
                "track_id": "led-zeppelin-stairway-to-heaven",
                "event_id": "skip-1",
                "at": "2026-11-22T10:16:30+01:00",
            },
            {"listener_id": "bob", "type": "liked", "track_id": "queen-bohemian-rhapsody", "event_id": "like-1"},
        ]
    }
}
EVENTS_ANSWER = {
    "events": [
        {"event_id": "skip-1", "listener_id": "ann", "outcome": "applied", "seq": 2, "detail": None},
        {"event_id": "like-1", "listener_id": "bob", "outcome": "applied", "seq": 1, "detail": None},
    ]
}

STREAM_ANSWER = f"""retry: 1000

event: next
id: rec_8c1f0b6f2a7d4e9b31c05d77
data: {json.dumps(NEXT_ANSWER)}

event: bye
retry: 1240
data: {{"reason": "draining", "retry_ms": 1240}}
"""

PLAYLIST_REQUESTS: dict[str, Any] = {
    "greedy": {"n": 2, "seeds": ["queen-bohemian-rhapsody"], "artist_gap": 2},
    "sampled": {
        "n": 10,
        "seeds": ["queen-bohemian-rhapsody"],
        "choosing": "sample",
        "temperature": 1.2,
        "top_k": 50,
        "top_p": 0.9,
        "seed": 7,
    },
    "the_most_probable_of_eight": {"n": 5, "seeds": ["queen-bohemian-rhapsody"], "choosing": "beam", "reasons": True},
    "from_one_track_to_another": {
        "n": 8,
        "seeds": ["queen-bohemian-rhapsody"],
        "to": "led-zeppelin-stairway-to-heaven",
    },
    "an_hour_from_an_artist_and_a_tag": {
        "duration_s": 3600,
        "seeds": [{"artist": "Queen", "weight": 2}, {"tag": "piano"}],
        "artist_gap": 2,
        "rules": {"album_gap": 5, "max_per_artist": 5},
    },
}
PLAYLIST_ANSWER = {
    "playlist_id": "pl_4be0d1c26f63ab4087d9aa10",
    "checkpoint_id": CHECKPOINT,
    "seeds": ["queen-bohemian-rhapsody"],
    "unknown_tracks": [],
    "tracks": _RANKED,
    "duration_s": 692,
    "seed": None,
    "pool": {"before": 1969, "after": 1939, "rules": {"heard": 2, "artist_gap": 28}},
    "shortfall": None,
    "degraded": [],
}
