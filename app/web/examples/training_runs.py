"""Examples of training runs, from being asked for to their end."""

import json
from typing import Any

from app.web.examples import CHECKPOINT

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
    "base": CHECKPOINT,
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
