"""What the app itself knows of a listener: what was heard lately, and the newest ranking.

It serves when the server cannot: the server's own session store may be away, or the way to the server. Knows nothing
of requests.
"""

from collections import deque
from typing import Any

from segue_client.answers import Recommendation
from segue_client.errors import Unavailable

OFFLINE = "offline"
# As many as the server remembers by default.
REMEMBERED = 50


class Hearing:
    """The recent tracks of one listener, oldest first, and what was to come."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=REMEMBERED)
        self._passed: set[str] = set()
        self._latest: Recommendation | None = None

    @property
    def recent(self) -> list[str]:
        """The tracks that were played, oldest first."""
        return list(self._recent)

    def note(self, event: dict[str, Any] | None) -> None:
        """Take in what the listener did, if anything."""
        if event is None:
            return
        kind, track_id = event["type"], event["track_id"]
        self._passed.add(track_id)
        if kind in ("played", "seeded") and (not self._recent or self._recent[-1] != track_id):
            self._recent.append(track_id)
        if kind in ("skipped", "disliked") and track_id in self._recent:
            self._recent.remove(track_id)

    def rank(self, answer: Recommendation) -> Recommendation:
        """Remember the server's newest ranking, and return it."""
        self._latest = answer
        self._passed.clear()
        return answer

    def offline(self, failure: Unavailable) -> Recommendation:
        """Return what is left of the newest ranking; raise the failure where nothing is."""
        left = () if self._latest is None else self._latest.tracks
        tracks = tuple(track for track in left if track.track_id not in self._passed)
        if self._latest is None or not tracks:
            raise failure
        renumbered = tuple(track.model_copy(update={"rank": rank}) for rank, track in enumerate(tracks, start=1))
        return self._latest.model_copy(update={"tracks": renumbered, "events": (), "degraded": (OFFLINE,)})
