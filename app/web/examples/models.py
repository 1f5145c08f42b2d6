"""Examples of checkpoints: which there are, what they point at, how well they foresee, what is added to them."""

from typing import Any

from app.web.examples import CHECKPOINT

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
    "serving": CHECKPOINT,
    "refused": None,
    "labels": {"version": 1, "stable": CHECKPOINT, "canary": None, "shadow": None},
    "models": [
        {
            "checkpoint_id": CHECKPOINT,
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
    "added_to": CHECKPOINT,
    "track_ids": ["queen-face-it-alone"],
    "catalogue_size": 1970,
    "labels": {"version": 1, "stable": CHECKPOINT, "canary": None, "shadow": None},
}

LABEL_REQUESTS: dict[str, dict[str, Any]] = {
    "swap": {"checkpoint_id": "20261123T081500Z-5c1d2e"},
    "canary for a tenth": {"checkpoint_id": "20261123T081500Z-5c1d2e", "traffic_percent": 10},
}
LABELS_ANSWER: dict[str, Any] = {
    "version": 2,
    "stable": CHECKPOINT,
    "canary": {"checkpoint_id": "20261123T081500Z-5c1d2e", "traffic_percent": 10},
    "shadow": None,
}
ROLLED_BACK_ANSWER: dict[str, Any] = {"version": 3, "stable": CHECKPOINT, "canary": None, "shadow": None}
ONLINE_ANSWER: dict[str, Any] = {
    "checkpoint_id": CHECKPOINT,
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
