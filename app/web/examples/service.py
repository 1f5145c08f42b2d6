"""Examples of how the service is, and of how it refuses."""

from app.web.examples import CHECKPOINT

ALIVE_ANSWER = {"status": "alive"}
READY_ANSWER = {
    "status": "ready",
    "checkpoint_id": CHECKPOINT,
    "session_store": "up",
    "model_store": "up",
    "refused": None,
}
METRICS_ANSWER = 'segue_http_requests_total{method="POST",route="/v1/next",status="200"} 1.0\n'
PROBLEM_EXPLAINED = {
    "code": "unknown_listener",
    "status": 404,
    "title": "Nothing is remembered of this listener",
    "advice": "Send an event first, or take it as new.",
}

STATE_ANSWER = {
    "listeners": 18240,
    "listeners_are": "counted",
    "bytes_per_listener": {"p50": 1480, "p99": 2216},
    "servers": [{"used_memory": 31457280, "maxmemory": None, "maxmemory_policy": "noeviction"}],
    "event_log": {"entries": 212, "oldest_s": 3.4},
}
