"""The session store as operators see it.

Knows nothing of single listeners.
"""

from typing_extensions import TypedDict

from app.web.state_doors import Stored


class StoreNodeAnswer(TypedDict):
    """One server of the session store, in bytes; `maxmemory` is null where it has no limit."""

    used_memory: int
    maxmemory: int | None
    maxmemory_policy: str


class ListenerBytesAnswer(TypedDict):
    """Bytes that half of the listeners, and 99 of a hundred, take at most; null while there are none."""

    p50: int | None
    p99: int | None


class WaitingAnswer(TypedDict):
    """Events that wait to be collected into files, and for how long the oldest has waited."""

    entries: int
    oldest_s: float | None


class StateAnswer(TypedDict):
    """How many listeners are remembered and what they take."""

    listeners: int
    listeners_are: str
    bytes_per_listener: ListenerBytesAnswer
    servers: list[StoreNodeAnswer]
    event_log: WaitingAnswer


def state_answer(stored: Stored) -> StateAnswer:
    """Write it for the wire."""
    oldest_s = stored.event_log.oldest_s
    return {
        "listeners": stored.listeners,
        "listeners_are": "counted" if stored.counted else "estimated",
        "bytes_per_listener": {"p50": stored.server_bytes(0.5), "p99": stored.server_bytes(0.99)},
        "servers": [
            {"used_memory": node.used_memory, "maxmemory": node.limit, "maxmemory_policy": node.policy}
            for node in stored.nodes
        ],
        "event_log": {
            "entries": stored.event_log.entries,
            "oldest_s": None if oldest_s is None else round(oldest_s, 1),
        },
    }
