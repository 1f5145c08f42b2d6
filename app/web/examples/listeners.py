"""Examples of what is remembered of a listener, and of changing it."""

from typing import Any

from app.web.examples import CHECKPOINT

LISTENER_ANSWER = {
    "listener_id": "ann",
    "seq": 1,
    "session_id": "4f1c7a90be23d6e8",
    "checkpoint_id": CHECKPOINT,
    "recent": [
        {
            "track_id": "queen-bohemian-rhapsody",
            "type": "played",
            "at": "2026-11-22T09:15:00.000+00:00",
            "read": True,
            "current": True,
        }
    ],
    "blocked_tracks": [],
    "blocked_artists": [],
    "updated_at": "2026-11-22T09:15:00.120+00:00",
}

_HIDDEN_STATE = {"checkpoint_id": CHECKPOINT, "data": "zczMPQAAAL8="}
EXPORT_ANSWER = {
    "listener_id": "ann",
    "exported_at": "2026-11-22T09:20:00.000+00:00",
    "session": LISTENER_ANSWER,
    "hidden_state": _HIDDEN_STATE,
    "event_digests": ["5e0a51c4b3d2"],
    "logged_events": [
        {
            "event_id": "play-1",
            "listener_id": "ann",
            "type": "played",
            "track_id": "queen-bohemian-rhapsody",
            "at": "2026-11-22T09:15:00.000+00:00",
            "received_at": "2026-11-22T09:15:00.120+00:00",
            "outcome": "applied",
            "seq": 1,
            "session_id": "4f1c7a90be23d6e8",
            "checkpoint_id": CHECKPOINT,
        }
    ],
}

RESET_REQUESTS: dict[str, Any] = {"forget_all": {}, "no_repeats": {"keep_recent": True}}
RESET_ANSWER = {
    "listener_id": "ann",
    "seq": 2,
    "session_id": None,
    "checkpoint_id": None,
    "recent": [],
    "blocked_tracks": [],
    "blocked_artists": [],
    "updated_at": "2026-11-22T09:25:00.000+00:00",
}

MERGE_REQUESTS: dict[str, Any] = {"signed_in": {"from": "browser-8f31"}}
MERGE_ANSWER = {**LISTENER_ANSWER, "seq": 2, "checkpoint_id": None, "updated_at": "2026-11-22T09:30:00.000+00:00"}

BLOCKS_REQUESTS: dict[str, Any] = {
    "an_artist_over_christmas": {"artists": [{"artist": "Mariah Carey", "until": "2999-12-27T00:00:00+01:00"}]},
    "a_track_for_good": {"tracks": [{"track_id": "queen-bohemian-rhapsody"}]},
}
BLOCKS_ANSWER = {
    "listener_id": "ann",
    "seq": 3,
    "tracks": [{"track_id": "queen-bohemian-rhapsody", "until": None}],
    "artists": [{"artist": "Mariah Carey", "until": "2999-12-26T23:00:00.000+00:00"}],
}
UNBLOCKED_ANSWER = {"listener_id": "ann", "seq": 4, "tracks": [], "artists": []}
