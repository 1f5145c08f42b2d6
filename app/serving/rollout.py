"""Which of the loaded checkpoints answers whom: stable, a canary for a share of the listeners, a shadow beside them.

Knows nothing of how checkpoints are loaded and what they answer.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from app.rnn.predictor import Predictor
from app.stores.track_search import TrackSearch

Answering = Literal["stable", "canary"]


@dataclass(frozen=True, slots=True)
class Served:
    """One loaded checkpoint with all that answers from it."""

    predictor: Predictor
    search: TrackSearch


@dataclass(frozen=True, slots=True)
class Rollout:
    """The checkpoints that are loaded for their labels. `traffic_percent` is the canary's share of the listeners."""

    stable: Served
    canary: Served | None = None
    traffic_percent: float = 0.0
    shadow: Served | None = None

    def label_of(self, listener_id: str | None) -> Answering:
        """Return the label that answers a listener: always the same, on every worker; nobody gets stable.

        A share that grows keeps those it had. The next canary gets other listeners, so that it is not always the same
        who try things out.
        """
        if self.canary is None or listener_id is None:
            return "stable"
        person = self.canary.predictor.checkpoint_id.encode()[-16:]
        digest = blake2b(listener_id.encode("utf-8", "surrogatepass"), digest_size=8, person=person).digest()
        return "canary" if int.from_bytes(digest) < self.traffic_percent / 100 * 2**64 else "stable"

    def served_to(self, listener_id: str | None) -> Served:
        """Return what answers a listener."""
        if self.canary is not None and self.label_of(listener_id) == "canary":
            return self.canary
        return self.stable
