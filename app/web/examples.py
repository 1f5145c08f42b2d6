"""The examples of the OpenAPI, from the catalogue that ships.

Tests send every request to a real server and hold every answer to its model.
"""

import json
from typing import Any

_CHECKPOINT = "20261122T101500Z-3f9c1a"

TRACK_ANSWER: dict[str, Any] = {
    "track_id": "queen-bohemian-rhapsody",
    "title": "Bohemian Rhapsody",
    "artist": "Queen",
    "album": "A Night at the Opera",
    "year": 1975,
    "genre": "classic rock",
    "tags": ["epic", "piano", "storytelling"],
    "duration_s": 355,
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
    "checkpoint_id": _CHECKPOINT,
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
    "checkpoint_id": _CHECKPOINT,
    "seeds": ["queen-bohemian-rhapsody"],
    "unknown_tracks": [],
    "tracks": _RANKED,
    "duration_s": 692,
    "seed": None,
    "pool": {"before": 1969, "after": 1939, "rules": {"heard": 2, "artist_gap": 28}},
    "shortfall": None,
    "degraded": [],
}

LISTENER_ANSWER = {
    "listener_id": "ann",
    "seq": 1,
    "session_id": "4f1c7a90be23d6e8",
    "checkpoint_id": _CHECKPOINT,
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

_HIDDEN_STATE = {"checkpoint_id": _CHECKPOINT, "data": "zczMPQAAAL8="}
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
            "checkpoint_id": _CHECKPOINT,
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

SONG_MAP_ANSWER = {
    "checkpoint_id": "20261122T101500Z-3f9c1a",
    "tracks": 2034,
    "points": [
        {
            "track_id": "queen-bohemian-rhapsody",
            "title": "Bohemian Rhapsody",
            "artist": "Queen",
            "genre": "rock",
            "x": 0.1834,
            "y": -0.4127,
            "cluster": 3,
        }
    ],
}

MODELS_ANSWER = {
    "serving": _CHECKPOINT,
    "refused": None,
    "labels": {"version": 1, "stable": _CHECKPOINT, "canary": None, "shadow": None},
    "models": [
        {
            "checkpoint_id": _CHECKPOINT,
            "created_at": "2026-11-22T10:15:00Z",
            "status": "accepted",
            "reason": "recall@20 0.31 against 0.12 of the best baseline it must beat",
            "network": {"rnn_kind": "gru", "hidden_size": 100, "num_layers": 1},
            "training": {"epochs": 10, "learning_rate": 0.001},
            "data": {"tracks": 1969, "sessions": 20000},
            "metrics": {"recall@20": 0.31, "mrr@20": 0.11},
            "baselines": {"popularity": {"recall@20": 0.08, "mrr@20": 0.02}},
        }
    ],
}

ADD_TRACKS_REQUESTS: dict[str, Any] = {
    "one_of_a_known_artist": {
        "tracks": [
            {
                "track_id": "queen-face-it-alone",
                "title": "Face It Alone",
                "artist": "Queen",
                "year": 2022,
                "genre": "classic rock",
                "tags": ["piano", "heartbreak"],
            }
        ],
    },
    "an_id_is_made": {"tracks": [{"title": "Demo Tape", "artist": "Nobody Yet"}], "checkpoint": "stable"},
}
ADDED_TRACKS_ANSWER = {
    "checkpoint_id": "20261122T183012Z-77d0e1",
    "added_to": _CHECKPOINT,
    "track_ids": ["queen-face-it-alone"],
    "catalogue_size": 1970,
    "labels": {"version": 1, "stable": _CHECKPOINT, "canary": None, "shadow": None},
}

ALIVE_ANSWER = {"status": "alive"}
READY_ANSWER = {"status": "ready", "checkpoint_id": _CHECKPOINT, "session_store": "up", "refused": None}
METRICS_ANSWER = 'segue_http_requests_total{method="POST",route="/v1/next",status="200"} 1.0\n'
PROBLEM_EXPLAINED = {
    "code": "unknown_listener",
    "status": 404,
    "title": "Nothing is remembered of this listener",
    "advice": "Send an event first, or take it as new.",
}

LABEL_REQUESTS: dict[str, dict[str, Any]] = {
    "swap": {"checkpoint_id": "20261123T081500Z-5c1d2e"},
    "canary for a tenth": {"checkpoint_id": "20261123T081500Z-5c1d2e", "traffic_percent": 10},
}
LABELS_ANSWER: dict[str, Any] = {
    "version": 2,
    "stable": _CHECKPOINT,
    "canary": {"checkpoint_id": "20261123T081500Z-5c1d2e", "traffic_percent": 10},
    "shadow": None,
}
ROLLED_BACK_ANSWER: dict[str, Any] = {"version": 3, "stable": _CHECKPOINT, "canary": None, "shadow": None}
ONLINE_ANSWER: dict[str, Any] = {
    "checkpoint_id": _CHECKPOINT,
    "labels": [
        {
            "label": "stable",
            "beside": "20261123T081500Z-5c1d2e",
            "plays": 18422,
            "hit_at_20": 0.391108,
            "mrr_at_20": 0.182731,
            "log_loss": 5.204117,
            "skip_rate": 0.084301,
        }
    ],
    "comparison": {"difference": -0.0712, "low": -0.1133, "high": -0.0291, "verdict": "worse"},
}

_TRAINING_RUN = "run-20261123T081500Z-5c1d2e"
TRAINING_RUN_REQUESTS: dict[str, dict[str, Any]] = {
    "what the last three months told, from what serves on": {"recipe": "gru", "window_days": 90, "base": "stable"},
    "only tell what would be learned": {"dry_run": True},
}
TRAINING_RUN_ASKED_ANSWER: dict[str, Any] = {
    "id": _TRAINING_RUN,
    "state": "queued",
    "recipe": "gru",
    "data": None,
    "window_days": 90.0,
    "base": _CHECKPOINT,
    "dry_run": False,
    "promote": False,
    "asked_by": "caller",
    "requested_at": "2026-11-23T08:15:00.000+00:00",
    "started_at": None,
    "ended_at": None,
    "attempts": 0,
    "progress": None,
    "learns": None,
    "checkpoint_id": None,
    "verdict": None,
    "error": None,
}
_RUNNING: dict[str, Any] = {
    **TRAINING_RUN_ASKED_ANSWER,
    "state": "running",
    "started_at": "2026-11-23T08:15:01.204+00:00",
    "attempts": 1,
    "progress": {
        "stage": "training",
        "epoch": 3,
        "epochs": 10,
        "loss": 5.1127,
        "events_per_s": 41210.0,
        "time_left_s": 97.4,
        "recall": 0.3314,
        "mrr": 0.1201,
    },
    "learns": {
        "sessions": 24318,
        "events": 310442,
        "tracks": 1969,
        "logged_sessions": 4318,
        "logged_events": 51210,
        "unknown_tracks": 2,
    },
}
TRAINING_RUN_ANSWER: dict[str, Any] = {
    **_RUNNING,
    "state": "published",
    "ended_at": "2026-11-23T08:18:11.010+00:00",
    "checkpoint_id": "20261123T081810Z-77d0e1",
    "verdict": {
        "accepted": True,
        "reasons": ["Recall@20 0.3427, MRR@20 0.1255 beats popularity and markov."],
        "metrics": {"gru": {"recall": 0.3427, "mrr": 0.1255}, "popularity": {"recall": 0.0803, "mrr": 0.0211}},
    },
}
TRAINING_RUN_CANCELLED_ANSWER: dict[str, Any] = {
    **_RUNNING,
    "state": "cancelled",
    "ended_at": "2026-11-23T08:16:40.312+00:00",
}
TRAINING_RUNS_ANSWER: dict[str, Any] = {"runs": [_RUNNING, TRAINING_RUN_ANSWER]}
RUN_STREAM_ANSWER = f"""\
retry: 1000

event: progress
id: 17
data: {json.dumps(_RUNNING)}

event: end
id: 61
data: {json.dumps(TRAINING_RUN_ANSWER)}
"""
RUN_LOG_ANSWER = """\
2026-11-23T08:15:00+00:00 asked for by caller: recipe gru
2026-11-23T08:15:09+00:00 epoch 1 of 10: loss 6.4415, Recall@20 0.2904, MRR@20 0.0988
"""

STATE_ANSWER = {
    "listeners": 18240,
    "listeners_are": "counted",
    "bytes_per_listener": {"p50": 1480, "p99": 2216},
    "servers": [{"used_memory": 31457280, "maxmemory": None, "maxmemory_policy": "noeviction"}],
    "event_log": {"entries": 212, "oldest_s": 3.4},
}
