"""A stream as its reader sees it: lines in, messages out, and where to go on after a break.

The format is that of the HTML standard (section 9.2, "Server-sent events"). Knows nothing of sockets.
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from segue_client.answers import Bye, ModelChanged, Recommendation, Told
from segue_client.patience import Patience

_KINDS: dict[str, type[Recommendation] | type[ModelChanged] | type[Bye]] = {
    "next": Recommendation,
    "model": ModelChanged,
    "bye": Bye,
}
# The server says something every 15 s; after three silences the connection is taken for dead.
SILENCE_S = 45.0


@dataclass
class Following:
    """One listener's stream over as many connections as it takes."""

    listener_id: str
    asked: dict[str, Any]
    patience: Patience
    is_over: bool = False
    _seen: str | None = None
    _failures: int = 0
    _pause_s: float = 0.0
    _fields: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where the stream is."""
        return f"/v1/listeners/{quote(self.listener_id, safe='')}/stream"

    @property
    def query(self) -> dict[str, Any]:
        """What is asked: here every rule is a parameter of its own."""
        return {**{name: value for name, value in self.asked.items() if name != "rules"}, **self.asked.get("rules", {})}

    @property
    def headers(self) -> dict[str, str]:
        """What a new connection says: the newest ranking that came."""
        return {"Accept": "text/event-stream", **({} if self._seen is None else {"Last-Event-ID": self._seen})}

    def take(self, line: str) -> Told | None:
        """Read one line; return the message it completes, if it does."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        kind = _KINDS.get(fields.get("event", ""))
        if kind is None:
            return None  # a comment, or an event that a newer server knows
        self._failures = 0
        self._seen = fields.get("id", self._seen)
        told = kind.model_validate(json.loads(fields["data"]))
        if isinstance(told, Bye):
            self.is_over = told.retry_ms is None
            self._pause_s = (told.retry_ms or 0) / 1000
        return told

    def broke(self) -> float:
        """Take in that the connection ended; return how long to wait before the next."""
        self._fields = {}
        pause_s, self._pause_s = self._pause_s, 0.0
        if not pause_s:
            pause_s = random.uniform(0.0, 0.1) + self.patience.pause_s(min(self._failures, 10))
            self._failures += 1
        return pause_s
